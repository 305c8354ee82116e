import type { Database } from '../database.ts';
import type { Table } from './table.ts';

/** The tables that a PostgreSQL schema has; not Prisma's own. */
export async function readDatabaseTables(database: Database, schema: string): Promise<Map<string, Table>> {
  const tables = new Map<string, Table>();
  const columns = await database.query<{
    table: string;
    name: string;
    type: string;
    nullable: boolean;
    filled: boolean;
  }>(
    `select c.relname as table, a.attname as name, format_type(a.atttypid, a.atttypmod) as type,
            not a.attnotnull as nullable, a.atthasdef or a.attidentity <> '' as filled
     from pg_class c join pg_attribute a on a.attrelid = c.oid
     where c.relnamespace = $1::regnamespace and c.relkind in ('r', 'p') and not c.relispartition
       and c.relname <> '_prisma_migrations' and a.attnum > 0 and not a.attisdropped
     order by c.relname, a.attnum`,
    [schema],
  );
  for (const { table, name, type, nullable, filled } of columns) {
    const known = tables.get(table) ?? { columns: new Map(), primaryKey: [], uniques: new Set() };
    tables.set(table, known);
    // A type outside of the search path comes as schema.type, with quotes where it needs them.
    const bare = type.replace(/^("[^"]+"|\w+)\./, '').replaceAll('"', '');
    known.columns.set(name, { type: bare, nullable, filledIn: filled });
  }
  const indexes = await database.query<{ table: string; primary: boolean; columns: string[] }>(
    `select c.relname as table, i.indisprimary as primary,
            (select array_agg(a.attname::text order by k.place)
             from unnest(i.indkey) with ordinality as k(number, place)
             join pg_attribute a on a.attrelid = c.oid and a.attnum = k.number
             where k.place <= i.indnkeyatts) as columns
     from pg_index i join pg_class c on c.oid = i.indrelid
     where c.relnamespace = $1::regnamespace and i.indisunique and i.indpred is null and i.indexprs is null`,
    [schema],
  );
  for (const { table, primary, columns: names } of indexes) {
    const known = tables.get(table);
    if (primary && known) known.primaryKey = names;
    else known?.uniques.add(names.join(','));
  }
  return tables;
}
