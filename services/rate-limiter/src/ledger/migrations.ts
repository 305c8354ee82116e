import path from 'node:path';

/** The migrations of the schema `limits`, from the sources as from what is built. */
export const migrationsFolder = path.join(import.meta.dirname, '../../prisma/migrations');
