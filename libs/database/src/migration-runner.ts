import { createHash, randomUUID } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { FlotillaError } from '@flotilla/kernel';
import type { Database, Queryable } from './database.ts';
import { sqlState } from './database-error.ts';

export interface MigrationOptions {
  /** The PostgreSQL schema that is the service's own: lower case letters, digits and _. */
  schema: string;
  /** Prisma's layout: one folder `<time>_<name>` a migration, with a `migration.sql`. */
  folder: string;
  /** Milliseconds one statement of a migration may run, and that the lock of another runner is waited for. Default 10 minutes. */
  statementTimeoutMs?: number;
}

interface Migration {
  name: string;
  sql: string;
  checksum: string;
}

/**
 * Applies what is not yet applied, in order of name, and returns the names of those. Each migration is one transaction
 * (so no `create index concurrently`) in which unqualified names mean the service's schema. The schema, the extension
 * `vector` and Prisma's table `_prisma_migrations` are made where they are missing. Runners on one database wait for
 * each other. Migrations that only the database knows are left alone: that is what an older release sees after a
 * rollback. Throws when an applied migration's file has changed, and when one fails (all of that one is undone).
 */
export async function migrate(
  database: Database,
  { schema, folder, statementTimeoutMs = 600_000 }: MigrationOptions,
): Promise<string[]> {
  if (!/^[a-z_][a-z0-9_]{0,62}$/.test(schema)) {
    throw new FlotillaError(
      'invalid_request',
      `'${schema}' cannot name a schema: use lower case letters, digits and _`,
    );
  }
  const migrations = await readMigrations(folder);
  const applied: string[] = [];
  const locked = <T>(run: (tx: Queryable) => Promise<T>) =>
    database.transaction(
      async (tx) => {
        // One lock for all schemas: the extension is the database's. It ends with the transaction.
        await tx.query(`select pg_advisory_xact_lock(hashtext('flotilla migrations'))`);
        return run(tx);
      },
      { statementTimeoutMs },
    );

  await locked((tx) => prepare(tx, schema));
  for (;;) {
    const name = await locked((tx) => applyNext(tx, schema, migrations));
    if (name === undefined) return applied;
    applied.push(name);
  }
}

async function readMigrations(folder: string): Promise<Migration[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch((cause: unknown) => {
    throw new FlotillaError('internal', `the folder of migrations cannot be read: ${folder}`, { cause });
  });
  const names = entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
  return Promise.all(
    names.sort().map(async (name) => {
      const file = path.join(folder, name, 'migration.sql');
      const sql = await readFile(file, 'utf8').catch((cause: unknown) => {
        throw new FlotillaError('internal', `the migration ${name} has no readable migration.sql`, { cause });
      });
      return { name, sql, checksum: createHash('sha256').update(sql).digest('hex') };
    }),
  );
}

async function prepare(tx: Queryable, schema: string): Promise<void> {
  await tx.query(`create schema if not exists "${schema}"`);
  await tx.query('create extension if not exists vector with schema public').catch((cause: unknown) => {
    throw new FlotillaError(
      'internal',
      'this PostgreSQL server has no pgvector: install it, then as a superuser run "create extension vector"',
      { cause },
    );
  });
  // The columns are those of Prisma's schema engine, so that its own tools can read and continue the history.
  await tx.query(`create table if not exists "${schema}"._prisma_migrations (
    id varchar(36) primary key,
    checksum varchar(64) not null,
    finished_at timestamptz,
    migration_name varchar(255) not null,
    logs text,
    rolled_back_at timestamptz,
    started_at timestamptz not null default now(),
    applied_steps_count integer not null default 0
  )`);
}

async function applyNext(tx: Queryable, schema: string, migrations: readonly Migration[]): Promise<string | undefined> {
  const done = await tx.query<{ migration_name: string; checksum: string; finished: boolean }>(
    `select migration_name, checksum, finished_at is not null as finished
     from "${schema}"._prisma_migrations where rolled_back_at is null`,
  );
  const known = new Map(done.map((row) => [row.migration_name, row]));
  for (const { name, checksum } of migrations) {
    const row = known.get(name);
    if (row && !row.finished) throw new FlotillaError('internal', unfinished(schema, name));
    if (row && row.checksum !== checksum) throw new FlotillaError('internal', changed(schema, name));
  }
  const next = migrations.find(({ name }) => !known.has(name));
  if (!next) return undefined;
  await tx.query(`set local search_path to "${schema}", public`);
  if (next.sql.trim() !== '') {
    await tx.query(next.sql).catch((cause: unknown) => {
      if (cause instanceof FlotillaError) throw cause;
      const why = sqlState(cause) === undefined ? '' : `: ${(cause as Error).message}`;
      throw new FlotillaError('internal', `the migration ${next.name} of schema ${schema} failed${why}`, { cause });
    });
  }
  await tx.query(
    `insert into "${schema}"._prisma_migrations (id, checksum, migration_name, finished_at, applied_steps_count)
     values ($1, $2, $3, now(), 1)`,
    [randomUUID(), next.checksum, next.name],
  );
  return next.name;
}

function changed(schema: string, name: string): string {
  return (
    `the migration ${name} of schema ${schema} was changed after this database had applied it: ` +
    'put the file back as it was and write the change as a new migration'
  );
}

function unfinished(schema: string, name: string): string {
  return (
    `the migration ${name} of schema ${schema} was begun by another tool and did not finish: repair what it left, ` +
    `then delete its row from "${schema}"._prisma_migrations`
  );
}
