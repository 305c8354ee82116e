import { FlotillaError } from '@flotilla/kernel';
import type { Database } from './database.ts';

export interface DatabaseOptions {
  /** Most queries and transactions that wait for a connection; further ones are refused as `overloaded`. Default 1,000. */
  maxWaiting?: number;
  /** PostgreSQL: most connections held at once. A query that finds none free waits up to `connectTimeoutMs`. Default 10. */
  maxConnections?: number;
  /** PostgreSQL: milliseconds until a connection must stand (and a free one must be had). Default 5,000. */
  connectTimeoutMs?: number;
  /** PostgreSQL: milliseconds a statement may run before the server ends it. Default 30,000. */
  statementTimeoutMs?: number;
  /** PostgreSQL: milliseconds that opening waits for a server that is not up yet. Default 10,000. */
  waitForServerMs?: number;
  /** PostgreSQL: what the server shows for this connection in `pg_stat_activity`. Default `flotilla`. */
  applicationName?: string;
}

/**
 * Opens the database behind a URL:
 * `postgres://user:password@host:port/name`: a PostgreSQL server, waited for (`waitForServerMs`), then `unavailable`;
 * `pglite://memory`: PostgreSQL in this process, gone with it;
 * `pglite:///absolute/folder`: the same with its data in a folder, which is locked to this process.
 */
export async function openDatabase(url: string, options: DatabaseOptions = {}): Promise<Database> {
  if (url.startsWith('pglite://')) {
    const { openPglite } = await import('./pglite-database.ts');
    return openPglite(pgliteFolder(url), options);
  }
  if (/^postgres(ql)?:\/\//.test(url)) {
    const { openPostgres } = await import('./postgres-database.ts');
    return openPostgres(url, options);
  }
  throw new FlotillaError(
    'invalid_request',
    'a database URL starts with postgres:// or is pglite://memory or pglite:///absolute/folder',
  );
}

function pgliteFolder(url: string): string | undefined {
  const place = url.slice('pglite://'.length);
  if (place === 'memory') return undefined;
  if (place.startsWith('/') && place.length > 1) return decodeURI(place);
  throw new FlotillaError(
    'invalid_request',
    'a PGlite URL is pglite://memory or names an absolute folder: pglite:///var/lib/flotilla',
  );
}
