import path from 'node:path';

/** The gateway's schema, from the sources as from what is built. */
export const gatewayMigrations = {
  schema: 'gateway',
  folder: path.join(import.meta.dirname, '../prisma/migrations'),
} as const;
