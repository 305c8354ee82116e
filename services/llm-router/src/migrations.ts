import path from 'node:path';

/** The router's schema, from the sources as from what is built. */
export const routerMigrations = {
  schema: 'router',
  folder: path.join(import.meta.dirname, '../prisma/migrations'),
} as const;
