import type { Database } from '../database.ts';
import { readDatabaseTables } from './database-tables.ts';
import { readPrismaTables } from './prisma-tables.ts';
import type { Table } from './table.ts';

export interface AgreementOptions {
  /** The PostgreSQL schema to compare. */
  schema: string;
  /** The path of the schema.prisma. */
  prismaSchema: string;
  /** Tables that Prisma need not know, since only raw SQL touches them. */
  ignoreTables?: readonly string[];
}

/**
 * Throws one error that names every place where the migrated database is not what the schema.prisma says: tables,
 * columns, their types and nullability, primary keys, unique indexes, and values that the database has to fill in.
 * Call it in a service's test after `migrate`.
 */
export async function expectPrismaAgrees(database: Database, options: AgreementOptions): Promise<void> {
  const drift = await prismaDrift(database, options);
  if (drift.length === 0) return;
  throw new Error(`${options.prismaSchema} and the migrations disagree:\n  ${drift.join('\n  ')}`);
}

/** The disagreements, one sentence each; none when all is well. */
export async function prismaDrift(
  database: Database,
  { schema, prismaSchema, ignoreTables = [] }: AgreementOptions,
): Promise<string[]> {
  const expected = readPrismaTables(prismaSchema, schema);
  const actual = await readDatabaseTables(database, schema);
  for (const name of ignoreTables) actual.delete(name);
  if (expected.size === 0) return [`there is no model with @@schema("${schema}")`];
  return [...new Set([...expected.keys(), ...actual.keys()])].flatMap((name) => {
    const [prisma, table] = [expected.get(name), actual.get(name)];
    if (!table) return [`table ${name} is not in the database`];
    if (!prisma) return [`table ${name} is not in the Prisma schema`];
    return [...columnDrift(name, prisma, table), ...keyDrift(name, prisma, table)];
  });
}

function columnDrift(table: string, prisma: Table, database: Table): string[] {
  return [...new Set([...prisma.columns.keys(), ...database.columns.keys()])].flatMap((column) => {
    const [wanted, found] = [prisma.columns.get(column), database.columns.get(column)];
    const name = `column ${table}.${column}`;
    if (!found) return [`${name} is not in the database`];
    if (!wanted) return [`${name} is not in the Prisma schema`];
    const drift: string[] = [];
    if (plain(wanted.type) !== plain(found.type)) {
      drift.push(`${name} is ${wanted.type} in the Prisma schema and ${found.type} in the database`);
    }
    if (wanted.nullable !== undefined && wanted.nullable !== found.nullable) {
      drift.push(`${name} ${wanted.nullable ? 'may be null' : 'is required'} in the Prisma schema only`);
    }
    if (wanted.filledIn && !found.filledIn) drift.push(`${name} has no default in the database`);
    return drift;
  });
}

function keyDrift(table: string, prisma: Table, database: Table): string[] {
  const drift: string[] = [];
  if (prisma.primaryKey.join() !== database.primaryKey.join()) {
    drift.push(
      `the primary key of ${table} is (${prisma.primaryKey.join()}) in the Prisma schema and (${database.primaryKey.join()}) in the database`,
    );
  }
  for (const unique of prisma.uniques) {
    if (!database.uniques.has(unique)) drift.push(`${table} (${unique}) is unique in the Prisma schema only`);
  }
  for (const unique of database.uniques) {
    if (!prisma.uniques.has(unique)) drift.push(`${table} (${unique}) is unique in the database only`);
  }
  return drift;
}

/** 6 digits are PostgreSQL's own precision of times, so `timestamptz(6)` is `timestamptz`. */
function plain(type: string): string {
  return type.toLowerCase().replace(/^(time(?:stamp)?)\(6\)/, '$1');
}
