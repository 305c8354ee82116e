import type { PGlite, Transaction } from '@electric-sql/pglite';
import type { SqlDriverAdapterFactory } from '@prisma/client/runtime/client';
import { PrismaPGlite } from 'pglite-prisma-adapter';
import { sqlState } from './database-error.ts';

type AdapterClient = ConstructorParameters<typeof PrismaPGlite>[0];
type Connection = Pick<PGlite, 'query' | 'exec'>;

/**
 * PGlite under Prisma. The adapter knows an error of the database by the class of its own copy of PGlite, which need not
 * be ours (npm keeps two); so errors are put into Prisma's terms here, before it sees them.
 */
export function prismaPglite(pglite: PGlite): SqlDriverAdapterFactory {
  const client = {
    ...connection(pglite),
    transaction: <T>(run: (tx: Transaction) => Promise<T>) =>
      pglite.transaction((tx) => run({ ...connection(tx), rollback: () => tx.rollback() } as Transaction)),
  };
  return new PrismaPGlite(client as unknown as AdapterClient);
}

function connection(on: Connection): Connection {
  return {
    query: (...args) => on.query(...args).catch(rethrow) as never,
    exec: (...args) => on.exec(...args).catch(rethrow) as never,
  };
}

interface ServerError {
  message: string;
  severity?: string;
  detail?: string;
  column?: string;
  constraint?: string;
  table?: string;
  hint?: string;
}

function rethrow(error: ServerError): never {
  const code = sqlState(error);
  if (code === undefined) throw error;
  const cause = { originalCode: code, originalMessage: error.message, ...describe(code, error) };
  // Prisma knows its drivers' errors by this name and the shape of the cause (driver-adapter-utils, isDriverAdapterError).
  throw Object.assign(new Error(cause.kind, { cause }), { name: 'DriverAdapterError' });
}

/** Prisma's word for a SQLSTATE, as in the driver adapter for node-postgres. */
function describe(code: string, error: ServerError) {
  const fields = /Key \(([^)]+)\)/.exec(error.detail ?? '')?.[1]?.split(', ');
  const quoted = /"([^"]+)"/.exec(error.message)?.[1];
  switch (code) {
    case '22001':
      return { kind: 'LengthMismatch', column: error.column };
    case '22003':
      return { kind: 'ValueOutOfRange', cause: error.message };
    case '22P02':
      return { kind: 'InvalidInputValue', message: error.message };
    case '23505':
      return {
        kind: 'UniqueConstraintViolation',
        table: error.table,
        constraint: error.constraint ? { index: error.constraint } : fields && { fields },
      };
    case '23502':
      return { kind: 'NullConstraintViolation', constraint: error.column ? { fields: [error.column] } : undefined };
    case '23503':
      return {
        kind: 'ForeignKeyConstraintViolation',
        constraint: error.constraint ? { index: error.constraint } : undefined,
      };
    case '40001':
      return { kind: 'TransactionWriteConflict' };
    case '42P01':
      return { kind: 'TableDoesNotExist', table: quoted };
    case '42703':
      return { kind: 'ColumnNotFound', column: quoted };
    default:
      return {
        kind: 'postgres',
        code,
        severity: error.severity ?? 'ERROR',
        message: error.message,
        detail: error.detail,
        column: error.column,
        hint: error.hint,
      };
  }
}
