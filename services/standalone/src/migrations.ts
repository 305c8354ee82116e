import { migrate, type Database } from '@flotilla/database';
import { gatewayMigrations } from '@flotilla/gateway';
import { routerMigrations } from '@flotilla/llm-router';
import { orchestratorMigrations } from '@flotilla/orchestrator';
import { ragMigrations } from '@flotilla/rag';
import { limitsMigrations } from '@flotilla/rate-limiter';

/** Every schema that a service owns. Each service applies its own at its start too. */
const migrations = [gatewayMigrations, orchestratorMigrations, ragMigrations, routerMigrations, limitsMigrations];

/** Brings all schemas up to date; tells what was applied to each. One that fails ends it: those before it stay done. */
export async function migrateAll(database: Database): Promise<{ schema: string; applied: string[] }[]> {
  const done = [];
  for (const one of migrations) done.push({ schema: one.schema, applied: await migrate(database, one) });
  return done;
}
