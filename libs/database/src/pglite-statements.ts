import { parse, protocol, type PGlite } from '@electric-sql/pglite';
import { sqlState } from './database-error.ts';

interface Statement {
  name: string;
  parameterTypes: number[];
  /** What the rows look like, to be read before them; absent: the statement gives none. */
  rowDescription: Message | undefined;
}

type Message = Parameters<typeof parse.parseResults>[0][number];

/** Most statements kept prepared. Programs have some dozens; SQL put together at run time must not pile up. */
const maxStatements = 256;

/**
 * SQLSTATEs that a statement prepared before a table was changed or made anew can get and a fresh one would not: cached
 * plan with another result (0A000), no such statement (26000), types that no longer fit (42804, 42883).
 */
const staleStates = new Set(['0A000', '26000', '42804', '42883']);

const { serialize } = protocol;
const sync = serialize.sync();

/**
 * Statements with parameters on PGlite, each parsed once and then run by one call into WebAssembly, where PGlite's own
 * `query` makes six (measured: 153 µs of CPU against 431 µs for an insert of one row).
 */
export class PgliteStatements {
  readonly #pglite: PGlite;
  /** By SQL, the least recently used first. */
  readonly #statements = new Map<string, Statement>();
  #names = 0;

  constructor(pglite: PGlite) {
    this.#pglite = pglite;
  }

  /** Runs one statement. The caller holds the connection: PGlite's transaction lock. */
  run<Row>(sql: string, parameters: readonly unknown[], inTransaction: boolean): Promise<Row[]> {
    return this.#pglite._runExclusiveQuery(async () => {
      const known = this.#statements.get(sql);
      try {
        return await this.#execute<Row>(known ?? (await this.#prepare(sql)), parameters);
      } catch (error) {
        if (!known || !staleStates.has(sqlState(error) ?? '')) throw error;
        this.#statements.delete(sql);
        await this.#send(serialize.close({ type: 'S', name: known.name }), sync);
        if (inTransaction) throw error; // The transaction is lost; the next one prepares anew.
        return this.#execute<Row>(await this.#prepare(sql), parameters);
      } finally {
        this.#touch(sql);
      }
    });
  }

  async #prepare(sql: string): Promise<Statement> {
    const name = `flotilla_${(this.#names += 1)}`;
    const messages = await this.#send(
      serialize.parse({ name, text: sql }),
      serialize.describe({ type: 'S', name }),
      sync,
    );
    const statement = {
      name,
      parameterTypes: parse.parseDescribeStatementResults(messages),
      rowDescription: messages.find((message) => message.name === 'rowDescription'),
    };
    this.#statements.set(sql, statement);
    if (this.#statements.size > maxStatements) {
      const [oldest, { name: unused }] = this.#statements.entries().next().value!;
      this.#statements.delete(oldest);
      await this.#send(serialize.close({ type: 'S', name: unused }), sync);
    }
    return statement;
  }

  async #execute<Row>({ name, parameterTypes, rowDescription }: Statement, parameters: readonly unknown[]) {
    const values = parameters.map((value, index) => this.#encode(value, parameterTypes[index]!));
    const messages = await this.#send(serialize.bind({ statement: name, values }), serialize.execute({}), sync);
    if (!rowDescription) return [] as Row[];
    return parse.parseResults([rowDescription, ...messages], this.#pglite.parsers)[0]!.rows as Row[];
  }

  #encode(value: unknown, type: number) {
    if (value === null || value === undefined) return null;
    const encode = this.#pglite.serializers[type];
    return encode ? encode(value) : String(value);
  }

  #send(...messages: Uint8Array[]): Promise<Message[]> {
    const batch = messages.length === 1 ? messages[0]! : Buffer.concat(messages);
    return this.#pglite.execProtocolStream(batch, { syncToFs: false });
  }

  #touch(sql: string): void {
    const statement = this.#statements.get(sql);
    if (!statement) return;
    this.#statements.delete(sql);
    this.#statements.set(sql, statement);
  }
}
