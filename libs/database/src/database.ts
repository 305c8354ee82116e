import type { SqlDriverAdapterFactory } from '@prisma/client/runtime/client';

/** Runs SQL. */
export interface Queryable {
  /**
   * With parameters ($1, $2, …; pass `[]` for none): one statement. Without: a script of one or more statements, and the
   * rows of the last. Rows are the same on every kind of database: `bigint` is a number (a bigint beyond 2^53), `numeric`
   * and `date` are text, `timestamp` and `timestamptz` a Date, `jsonb` its value, `bytea` bytes, `vector` text ('[1,2]').
   * A value for `jsonb` is passed as its JSON text. Throws `unavailable` when the server is away, `deadline_exceeded`
   * after the statement timeout, `conflict` for a deadlock or serialization failure; other errors carry a `sqlState`.
   */
  query<Row = Record<string, unknown>>(sql: string, parameters?: readonly unknown[]): Promise<Row[]>;
}

export interface TransactionOptions {
  /** Milliseconds one statement may run, in place of the database's own limit. */
  statementTimeoutMs?: number;
}

/** PostgreSQL behind a URL: a server, or PGlite in this process. Both have pgvector. */
export interface Database extends Queryable {
  readonly kind: 'postgres' | 'pglite';
  /**
   * All or nothing. The callback's queries run on one connection, all through `tx`: a query on the database itself in the
   * callback is refused, since with PGlite it could never run.
   */
  transaction<T>(run: (tx: Queryable) => Promise<T>, options?: TransactionOptions): Promise<T>;
  /** For `new PrismaClient({ adapter })`. Hot paths use `query` with grouped rows instead (facts: Prisma triples the cost of an insert). */
  prismaAdapter(): SqlDriverAdapterFactory;
  /** True when a trivial query answers within a second. */
  ready(): Promise<boolean>;
  close(): Promise<void>;
}
