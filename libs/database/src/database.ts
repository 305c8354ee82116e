import type { SqlDriverAdapterFactory } from '@prisma/client/runtime/client';

/** Runs SQL with numbered parameters ($1, $2, …). */
export interface Queryable {
  query<Row = Record<string, unknown>>(sql: string, parameters?: readonly unknown[]): Promise<Row[]>;
}

/** PostgreSQL behind a URL: a server, or PGlite in this process. Both have pgvector. */
export interface Database extends Queryable {
  readonly kind: 'postgres' | 'pglite';
  /** All or nothing. The callback's queries run on one connection. */
  transaction<T>(run: (tx: Queryable) => Promise<T>): Promise<T>;
  /** For `new PrismaClient({ adapter })`. Hot paths use `query` with grouped rows instead (facts: Prisma triples the cost of an insert). */
  prismaAdapter(): SqlDriverAdapterFactory;
  /** True when a trivial query answers within a second. */
  ready(): Promise<boolean>;
  close(): Promise<void>;
}
