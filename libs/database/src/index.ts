export type { Database, Queryable, TransactionOptions } from './database.ts';
export { sqlState } from './database-error.ts';
export { migrate, type MigrationOptions } from './migration-runner.ts';
export { openDatabase, type DatabaseOptions } from './open.ts';
export { groupedWriter, type GroupedWriter, type GroupedWriterOptions } from './row-writer.ts';
