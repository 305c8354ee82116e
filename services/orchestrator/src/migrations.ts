import path from 'node:path';

/** The orchestrator's schema, from the sources as from what is built. */
export const orchestratorMigrations = {
  schema: 'orchestrator',
  folder: path.join(import.meta.dirname, '../prisma/migrations'),
} as const;
