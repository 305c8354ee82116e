import path from 'node:path';

/** Rag's schema, from the sources as from what is built. */
export const ragMigrations = {
  schema: 'rag',
  folder: path.join(import.meta.dirname, '../prisma/migrations'),
} as const;
