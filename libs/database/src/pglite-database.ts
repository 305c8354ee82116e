import { existsSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { PGlite, types, type Results, type Transaction } from '@electric-sql/pglite';
import { vector } from '@electric-sql/pglite-pgvector';
import { lockDataDir } from './data-dir-lock.ts';
import type { Database, Queryable } from './database.ts';
import { fromPostgres, overloaded } from './database-error.ts';
import { TransactionGuard } from './inside-transaction.ts';
import { readImage, storeImage } from './pglite-image.ts';
import type { DatabaseOptions } from './open.ts';
import { PgliteStatements } from './pglite-statements.ts';
import { prismaPglite } from './prisma-pglite.ts';
import { parseTimestamp } from './result-types.ts';

const parsers = {
  [types.DATE]: (text: string) => text,
  [types.TIMESTAMP]: parseTimestamp,
};

/** PostgreSQL as WebAssembly in this process; one connection, so statements run one after another. */
export async function openPglite(folder: string | undefined, options: DatabaseOptions): Promise<Database> {
  const lock = folder === undefined ? undefined : lockDataDir(folder);
  try {
    const pglite = await start(folder);
    return pgliteDatabase(pglite, options.maxWaiting ?? 1_000, () => lock?.release());
  } catch (error) {
    lock?.release();
    throw error;
  }
}

async function start(folder: string | undefined): Promise<PGlite> {
  if (folder === undefined) return create('memory://', true);
  // The lock file lies beside the cluster: a new cluster wants an empty folder.
  const cluster = path.join(folder, 'cluster');
  const unfinished = path.join(folder, 'creating');
  if (existsSync(unfinished)) rmSync(cluster, { recursive: true, force: true });
  const isNew = !existsSync(path.join(cluster, 'PG_VERSION'));
  if (isNew)
    writeFileSync(unfinished, 'A start that ends while this file is here leaves half a cluster, to be made anew.\n');
  const pglite = await create(`file://${cluster}`, isNew);
  rmSync(unfinished, { force: true });
  return pglite;
}

async function create(dataDir: string, isNew: boolean): Promise<PGlite> {
  const image = isNew ? await readImage() : undefined;
  const options = { dataDir, extensions: { vector }, parsers };
  const pglite = await PGlite.create(image ? { ...options, loadDataDir: image } : options);
  if (isNew && !image) await storeImage(pglite);
  return pglite;
}

function pgliteDatabase(pglite: PGlite, maxWaiting: number, onClosed: () => void): Database {
  const guard = new TransactionGuard();
  const statements = new PgliteStatements(pglite);
  let waiting = 0;
  let closing: Promise<void> | undefined;

  const inTurn = async <T>(run: () => Promise<T>): Promise<T> => {
    guard.check();
    if (waiting > maxWaiting) throw overloaded();
    waiting += 1;
    try {
      return await run();
    } catch (error) {
      throw fromPostgres(error);
    } finally {
      waiting -= 1;
    }
  };

  return {
    kind: 'pglite',
    query: <Row>(sql: string, parameters?: readonly unknown[]) =>
      inTurn(async () => {
        if (parameters === undefined) return lastRows<Row>(await pglite.exec(sql));
        await pglite._checkReady();
        return pglite._runExclusiveTransaction(() => statements.run<Row>(sql, parameters, false));
      }),
    transaction: (run) => inTurn(() => guard.run(() => pglite.transaction((tx) => run(queryable(tx, statements))))),
    prismaAdapter: () => prismaPglite(pglite),
    async ready() {
      return pglite.ready && !pglite.closed;
    },
    close: () => (closing ??= pglite.close().finally(onClosed)),
  };
}

function queryable(tx: Transaction, statements: PgliteStatements): Queryable {
  return {
    async query<Row>(sql: string, parameters?: readonly unknown[]) {
      try {
        if (parameters === undefined) return lastRows<Row>(await tx.exec(sql));
        if (tx.closed) throw new Error('the transaction has ended');
        return await statements.run<Row>(sql, parameters, true);
      } catch (error) {
        throw fromPostgres(error);
      }
    },
  };
}

function lastRows<Row>(results: Results[]): Row[] {
  return (results.at(-1)?.rows ?? []) as Row[];
}
