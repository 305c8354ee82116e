import { FlotillaError, type ErrorCode } from '@flotilla/kernel';

/** The five characters of PostgreSQL's error code, e.g. `23505` for a broken unique constraint. Undefined for other errors. */
export function sqlState(error: unknown): string | undefined {
  const at = error instanceof FlotillaError ? error.cause : error;
  const code = typeof at === 'object' && at !== null && 'code' in at ? at.code : undefined;
  return typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code) && /\d/.test(code) ? code : undefined;
}

/** SQLSTATE by code or class: https://www.postgresql.org/docs/18/errcodes-appendix.html */
const byState: Record<string, ErrorCode> = {
  '08000': 'unavailable', // connection exceptions (08P01 is not one: our own message was wrong)
  '08001': 'unavailable',
  '08003': 'unavailable',
  '08004': 'unavailable',
  '08006': 'unavailable',
  '53': 'unavailable', // no connections, memory or disk left
  '57P01': 'unavailable', // the server shuts down
  '57P02': 'unavailable', // the server crashed
  '57P03': 'unavailable', // the server starts up
  '57014': 'deadline_exceeded', // statement timeout
  '55P03': 'deadline_exceeded', // lock timeout
  '40001': 'conflict', // serialization failure
  '40P01': 'conflict', // deadlock
};

const networkCodes = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ECONNABORTED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EPIPE',
  'ENOENT', // the socket file of a server that is not there
]);

/** What node-postgres (lib/client.js, pg-pool's index.js) and PGlite say without a code. */
const lostConnection =
  /^(Connection terminated|timeout exceeded when trying to connect|Client has encountered a connection error|Client was closed|Cannot use a pool after calling end|PGlite is clos(?:ed|ing))/;
const lostPatience = /^(Query read timeout|timeout expired)/;

/**
 * A driver's error as ours where the table of errors has a word for it, with the driver's as cause; any other as it is
 * (read its `sqlState`).
 */
export function fromPostgres(error: unknown): unknown {
  if (error instanceof FlotillaError) return error;
  const code = errorCode(error);
  if (code === undefined) return error;
  const message =
    code === 'unavailable'
      ? 'the database does not answer'
      : code === 'deadline_exceeded'
        ? 'the database took too long'
        : undefined;
  return new FlotillaError(code, message, { cause: error });
}

function errorCode(error: unknown): ErrorCode | undefined {
  const state = sqlState(error);
  if (state !== undefined) return byState[state] ?? byState[state.slice(0, 2)];
  const { code, message } = error as { code?: unknown; message?: unknown };
  if (typeof code === 'string' && networkCodes.has(code)) return 'unavailable';
  if (typeof message !== 'string') return undefined;
  if (lostConnection.test(message)) return 'unavailable';
  return lostPatience.test(message) ? 'deadline_exceeded' : undefined;
}

export function overloaded(): FlotillaError {
  return new FlotillaError('overloaded', 'too many queries wait for the database');
}
