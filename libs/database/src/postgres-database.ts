import { PrismaPg } from '@prisma/adapter-pg';
import { systemClock, sleep } from '@flotilla/kernel';
import pg from 'pg';
import type { Database, Queryable, TransactionOptions } from './database.ts';
import { fromPostgres, overloaded } from './database-error.ts';
import { TransactionGuard } from './inside-transaction.ts';
import type { DatabaseOptions } from './open.ts';
import { parseBigint, parseTimestamp } from './result-types.ts';

const { builtins } = pg.types;
const text = (value: string) => value;

type Nested<T> = (T | null | Nested<T>)[];

/** An array's text by the parser of its elements. 1009 is text[], whose elements come as they are. */
function arrayOf<T>(parse: (value: string) => T): (value: string) => Nested<T> {
  const split = pg.types.getTypeParser(1009 as number) as (value: string) => Nested<string>;
  const parseAll = (items: Nested<string>): Nested<T> =>
    items.map((item) => (item === null ? null : Array.isArray(item) ? parseAll(item) : parse(item)));
  return (value) => parseAll(split(value));
}

const parsers: Record<number, (value: string) => unknown> = {
  [builtins.INT8]: parseBigint,
  [builtins.DATE]: text,
  [builtins.INTERVAL]: text,
  [builtins.TIMESTAMP]: parseTimestamp,
  // The arrays of these, by their ids in pg_type.dat.
  1016: arrayOf(parseBigint),
  1182: arrayOf(text),
  1187: arrayOf(text),
  1115: arrayOf(parseTimestamp),
};

/** How much longer than the server this side waits for a statement, in milliseconds: then the connection is given up as dead. */
const networkGraceMs = 2_000;

/** Without it a Date for a `timestamp` without zone would be written in the zone of this process. */
pg.defaults.parseInputDatesAsUTC = true;

/** Opens a pool of connections. Connections that break are replaced at the next query; no query is ever repeated. */
export async function openPostgres(url: string, options: DatabaseOptions): Promise<Database> {
  const { connectTimeoutMs = 5_000, statementTimeoutMs = 30_000, waitForServerMs = 10_000 } = options;
  const pool = new pg.Pool({
    connectionString: url,
    max: options.maxConnections ?? 10,
    connectionTimeoutMillis: connectTimeoutMs,
    idleTimeoutMillis: 60_000,
    statement_timeout: statementTimeoutMs,
    query_timeout: statementTimeoutMs + networkGraceMs,
    application_name: options.applicationName ?? 'flotilla',
    keepAlive: true,
    allowExitOnIdle: true,
    types: {
      getTypeParser: ((oid: number, format?: 'text') => parserOf(oid, format)) as typeof pg.types.getTypeParser,
    },
  });
  // An idle connection that breaks leaves the pool by itself; unheard, the event would end the process.
  pool.on('error', () => undefined);
  try {
    await waitForServer(pool, waitForServerMs);
  } catch (error) {
    await pool.end();
    throw error;
  }
  return postgresDatabase(pool, options.maxWaiting ?? 1_000);
}

function parserOf(oid: number, format?: 'text') {
  return (
    (format !== undefined && (format as string) !== 'text' ? undefined : parsers[oid]) ??
    pg.types.getTypeParser(oid, format)
  );
}

async function waitForServer(pool: pg.Pool, waitMs: number): Promise<void> {
  const until = systemClock.monotonic() + waitMs;
  for (;;) {
    try {
      await pool.query('select 1');
      return;
    } catch (cause) {
      const error = fromPostgres(cause);
      const waits = (error as { code?: unknown }).code === 'unavailable' && systemClock.monotonic() < until;
      if (!waits) throw error;
      await sleep(systemClock, 100);
    }
  }
}

function postgresDatabase(pool: pg.Pool, maxWaiting: number): Database {
  const guard = new TransactionGuard();
  const admit = () => {
    guard.check();
    // Those that an idle connection is about to take still count as waiting.
    if (pool.waitingCount - pool.idleCount >= maxWaiting) throw overloaded();
  };
  let closing: Promise<void> | undefined;
  return {
    kind: 'postgres',
    async query<Row>(sql: string, parameters?: readonly unknown[]) {
      admit();
      return rows<Row>(pool, sql, parameters);
    },
    async transaction(run, options) {
      admit();
      return guard.run(() => inTransaction(pool, run, options));
    },
    prismaAdapter: () => new PrismaPg(pool as unknown as ConstructorParameters<typeof PrismaPg>[0]),
    ready: () => answers(pool),
    close: () => (closing ??= pool.end()),
  };
}

async function inTransaction<T>(
  pool: pg.Pool,
  run: (tx: Queryable) => Promise<T>,
  { statementTimeoutMs }: TransactionOptions = {},
): Promise<T> {
  const client = await pool.connect().catch((error: unknown) => {
    throw fromPostgres(error);
  });
  const onBroken = () => undefined; // The query under way rejects as well; unheard, the event would end the process.
  client.on('error', onBroken);
  const limitMs = statementTimeoutMs === undefined ? undefined : statementTimeoutMs + networkGraceMs;
  let broken: Error | undefined;
  try {
    await rows(client, 'begin', undefined);
    if (statementTimeoutMs !== undefined) {
      await rows(client, `set local statement_timeout = ${Math.ceil(statementTimeoutMs)}`, undefined);
    }
    const result = await run({ query: (sql, parameters) => rows(client, sql, parameters, limitMs) });
    await rows(client, 'commit', undefined);
    return result;
  } catch (error) {
    await client.query('rollback').catch((cause: Error) => {
      broken = cause;
    });
    throw error;
  } finally {
    client.off('error', onBroken);
    client.release(broken);
  }
}

async function rows<Row>(
  on: pg.Pool | pg.PoolClient,
  sql: string,
  parameters: readonly unknown[] | undefined,
  limitMs?: number,
): Promise<Row[]> {
  try {
    const query = { text: sql, values: parameters, query_timeout: limitMs } as pg.QueryConfig;
    const result: pg.QueryResult | pg.QueryResult[] = await on.query(query);
    return (Array.isArray(result) ? result.at(-1)!.rows : result.rows) as Row[];
  } catch (error) {
    throw fromPostgres(error);
  }
}

async function answers(pool: pg.Pool): Promise<boolean> {
  try {
    const query = { text: 'select 1', query_timeout: 1_000 } as pg.QueryConfig;
    const late = sleep(systemClock, 1_000).then(() => false);
    return await Promise.race([pool.query(query).then(() => true), late]);
  } catch {
    return false;
  }
}
