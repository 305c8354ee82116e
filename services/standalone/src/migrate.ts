// `node services/standalone/dist/migrate.js`: brings the schemas of all services up to date and ends. The chart runs it
// before an upgrade, so that a migration that fails leaves the running release as it is.
import { openDatabase } from '@flotilla/database';
import { describe, readVariable } from '@flotilla/kernel';
import { migrateAll } from './migrations.ts';

/** Milliseconds that a server which is not up yet is waited for. */
const waitForServerMs = 120_000;

try {
  const url = readVariable('FLOTILLA_DATABASE_URL', process.env);
  if (!url) throw new Error('FLOTILLA_DATABASE_URL (postgres://…) says which database; or FLOTILLA_DATABASE_URL_FILE');
  const database = await openDatabase(url, { waitForServerMs, maxConnections: 1 });
  try {
    for (const { schema, applied } of await migrateAll(database)) {
      console.log(`${schema}: ${applied.length > 0 ? applied.join(', ') : 'nothing to do'}`);
    }
  } finally {
    await database.close();
  }
} catch (error) {
  console.error(describe(error));
  process.exitCode = 1;
}
