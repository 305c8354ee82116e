import { readFileSync } from 'node:fs';
import prismaSchemaWasm from '@prisma/prisma-schema-wasm';
import type { Table } from './table.ts';

/** The part of Prisma's DMMF that is read here. */
interface Field {
  name: string;
  dbName?: string | null;
  kind: 'scalar' | 'enum' | 'object' | 'unsupported';
  type: string;
  nativeType: [name: string, args: string[]] | null;
  isList: boolean;
  isRequired: boolean;
  isUnique: boolean;
  isId: boolean;
  default?: unknown;
}

interface Model {
  name: string;
  dbName: string | null;
  schema?: string | null;
  fields: Field[];
  primaryKey: { fields: string[] } | null;
  uniqueFields: string[][];
}

interface Datamodel {
  models: Model[];
  enums: { name: string; dbName: string | null }[];
}

/** The tables of one PostgreSQL schema that a schema.prisma describes. */
export function readPrismaTables(file: string, schema: string): Map<string, Table> {
  const text = readFileSync(file, 'utf8');
  const parsed = JSON.parse(prismaSchemaWasm.get_dmmf(JSON.stringify({ prismaSchema: text, noColor: true }))) as {
    datamodel: Datamodel;
  };
  const { models, enums } = parsed.datamodel;
  const enumTypes = new Map(enums.map(({ name, dbName }) => [name, dbName ?? name]));
  const own = models.filter((model) => (model.schema ?? 'public') === schema);
  return new Map(own.map((model) => [model.dbName ?? model.name, tableOf(model, enumTypes, text)]));
}

function tableOf(model: Model, enumTypes: Map<string, string>, text: string): Table {
  const stored = model.fields.filter((field) => field.kind === 'scalar' || field.kind === 'enum');
  const columnOf = (name: string) => {
    const field = model.fields.find((each) => each.name === name);
    return field?.dbName ?? name;
  };
  const columns: Table['columns'] = new Map(
    stored.map((field) => [
      field.dbName ?? field.name,
      {
        type: typeOf(field, enumTypes) + (field.isList ? '[]' : ''),
        // Prisma reads a missing list as an empty one.
        nullable: field.isList ? undefined : !field.isRequired,
        filledIn: isFilledInByDatabase(field.default),
      },
    ]),
  );
  for (const [name, column] of unsupportedColumns(model.name, text)) columns.set(name, column);
  const idField = model.fields.find((field) => field.isId);
  const uniques = [
    ...model.fields.filter((field) => field.isUnique).map((field) => [field.name]),
    ...model.uniqueFields,
  ];
  return {
    columns,
    primaryKey: (model.primaryKey?.fields ?? (idField ? [idField.name] : [])).map(columnOf),
    uniques: new Set(uniques.map((fields) => fields.map(columnOf).join(','))),
  };
}

/** The client makes up uuid() and its like and sends constants; only these it leaves to the database. */
function isFilledInByDatabase(value: unknown): boolean {
  if (typeof value !== 'object' || value === null || !('name' in value)) return false;
  return value.name === 'autoincrement' || value.name === 'dbgenerated';
}

/** https://www.prisma.io/docs/orm/reference/prisma-schema-reference#model-field-scalar-types, column PostgreSQL */
const defaultTypes: Record<string, string> = {
  String: 'text',
  Boolean: 'boolean',
  Int: 'integer',
  BigInt: 'bigint',
  Float: 'double precision',
  Decimal: 'numeric(65,30)',
  DateTime: 'timestamp(3) without time zone',
  Json: 'jsonb',
  Bytes: 'bytea',
};

/** `@db.…` → PostgreSQL's own name, `#` standing for the arguments. */
const nativeTypes: Record<string, string> = {
  Text: 'text',
  VarChar: 'character varying#',
  Char: 'character#',
  Citext: 'citext',
  Uuid: 'uuid',
  Inet: 'inet',
  Xml: 'xml',
  Bit: 'bit#',
  VarBit: 'bit varying#',
  Boolean: 'boolean',
  SmallInt: 'smallint',
  Integer: 'integer',
  BigInt: 'bigint',
  Oid: 'oid',
  Real: 'real',
  DoublePrecision: 'double precision',
  Decimal: 'numeric#',
  Money: 'money',
  Date: 'date',
  Time: 'time# without time zone',
  Timetz: 'time# with time zone',
  Timestamp: 'timestamp# without time zone',
  Timestamptz: 'timestamp# with time zone',
  Json: 'json',
  JsonB: 'jsonb',
  ByteA: 'bytea',
};

function typeOf({ type, nativeType }: Field, enumTypes: Map<string, string>): string {
  const enumType = enumTypes.get(type);
  if (enumType !== undefined) return enumType;
  const known = nativeType ? nativeTypes[nativeType[0]] : defaultTypes[type];
  if (known === undefined) throw new Error(`Prisma's type ${nativeType?.[0] ?? type} is not known here`);
  const args = nativeType?.[1] ?? [];
  return known.replace('#', args.length > 0 ? `(${args.join(',')})` : '');
}

/** Columns of types that Prisma does not know (`Unsupported("vector(3)")`) are not in its DMMF: they are read from the text. */
function unsupportedColumns(model: string, text: string): Table['columns'] {
  const body = new RegExp(String.raw`^\s*model\s+${model}\s*\{([^}]*)\}`, 'm').exec(text)?.[1] ?? '';
  const line = /^\s*(\w+)\s+Unsupported\("((?:[^"\\]|\\.)*)"\)(\[\])?(\?)?(.*)$/gm;
  return new Map(
    [...body.matchAll(line)].map(([, name, type, list, optional, attributes]) => [
      /@map\("([^"]+)"\)/.exec(attributes!)?.[1] ?? name!,
      {
        type: type! + (list ?? ''),
        nullable: list ? undefined : optional !== undefined,
        filledIn: attributes!.includes('dbgenerated'),
      },
    ]),
  );
}
