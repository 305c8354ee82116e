import path from 'node:path';

/** The ledger's schema, from the sources as from what is built. */
export const limitsMigrations = {
  schema: 'limits',
  folder: path.join(import.meta.dirname, '../../prisma/migrations'),
} as const;
