import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { openDatabase, type Database } from '../index.ts';
import { expectPrismaAgrees, prismaDrift } from './index.ts';

const prisma = `
datasource db {
  provider = "postgresql"
  schemas  = ["sample"]
}

enum Colour {
  red
  blue

  @@map("colour")
  @@schema("sample")
}

model Item {
  id      String                  @id @default(uuid()) @db.Uuid
  serial  Int                     @default(autoincrement())
  title   String                  @unique @db.VarChar(80)
  note    String?                 @map("a_note")
  price   Decimal                 @db.Decimal(10, 2)
  tags    String[]
  colour  Colour
  at      DateTime                @db.Timestamptz(6)
  written DateTime
  size    BigInt                  @default(0)
  place   Unsupported("vector(3)")?
  data    Json
  parts   Part[]

  @@unique([serial, size])
  @@index([at])
  @@map("item")
  @@schema("sample")
}

model Part {
  itemId String @map("item_id") @db.Uuid
  number Int    @db.SmallInt
  item   Item   @relation(fields: [itemId], references: [id])

  @@id([itemId, number])
  @@map("part")
  @@schema("sample")
}
`;

const sql = `
drop schema if exists sample cascade;
create schema sample;
create extension if not exists vector;
create type sample.colour as enum ('red', 'blue');
create table sample.item (
  id uuid primary key,
  serial serial,
  title varchar(80) not null unique,
  a_note text,
  price numeric(10, 2) not null,
  tags text[] not null default '{}',
  colour sample.colour not null,
  at timestamptz not null,
  written timestamp(3) not null,
  size bigint not null default 0,
  place vector(3),
  data jsonb not null,
  unique (serial, size)
);
create index item_at on sample.item (at);
create table sample.part (
  item_id uuid not null references sample.item,
  number smallint not null,
  primary key (item_id, number)
);
create table sample._prisma_migrations (id text);
`;

describe('a Prisma schema and its migrated database', () => {
  let database: Database;
  const folder = mkdtempSync(path.join(tmpdir(), 'flotilla-agreement-'));
  const prismaSchema = path.join(folder, 'schema.prisma');

  beforeAll(async () => {
    database = await openDatabase('pglite://memory');
    writeFileSync(prismaSchema, prisma);
  });
  afterAll(async () => {
    await database.close();
    rmSync(folder, { recursive: true });
  });
  beforeEach(() => database.query(sql).then(() => undefined));

  it('agree when they say the same', async () => {
    await expectPrismaAgrees(database, { schema: 'sample', prismaSchema });
  });

  it.each([
    ['alter table sample.item drop column a_note', 'column item.a_note is not in the database'],
    ['alter table sample.item drop column place', 'column item.place is not in the database'],
    ['alter table sample.item add extra int', 'column item.extra is not in the Prisma schema'],
    [
      'alter table sample.item alter size type int',
      'column item.size is bigint in the Prisma schema and integer in the database',
    ],
    [
      'alter table sample.item alter title type varchar(81)',
      'column item.title is character varying(80) in the Prisma schema and character varying(81) in the database',
    ],
    [
      'alter table sample.item alter place type vector(4)',
      'column item.place is vector(3) in the Prisma schema and vector(4) in the database',
    ],
    [
      'alter table sample.item alter written type timestamptz(3)',
      'column item.written is timestamp(3) without time zone in the Prisma schema and timestamp(3) with time zone in the database',
    ],
    ['alter table sample.item alter a_note set not null', 'column item.a_note may be null in the Prisma schema only'],
    ['alter table sample.item alter data drop not null', 'column item.data is required in the Prisma schema only'],
    ['alter table sample.item alter serial drop default', 'column item.serial has no default in the database'],
    ['alter table sample.item drop constraint item_title_key', 'item (title) is unique in the Prisma schema only'],
    ['create unique index on sample.item (at)', 'item (at) is unique in the database only'],
    [
      'alter table sample.part drop constraint part_pkey; alter table sample.part add primary key (number, item_id)',
      'the primary key of part is (item_id,number) in the Prisma schema and (number,item_id) in the database',
    ],
    ['drop table sample.part', 'table part is not in the database'],
    ['create table sample.other (id int)', 'table other is not in the Prisma schema'],
  ])('disagree after: %s', async (change, drift) => {
    await database.query(change);
    expect(await prismaDrift(database, { schema: 'sample', prismaSchema })).toEqual([drift]);
    await expect(expectPrismaAgrees(database, { schema: 'sample', prismaSchema })).rejects.toThrow(drift);
  });

  it('may leave out tables that only raw SQL touches, and indexes that Prisma cannot express', async () => {
    await database.query('create table sample.other (id int); create unique index on sample.item (lower(title))');
    await expectPrismaAgrees(database, { schema: 'sample', prismaSchema, ignoreTables: ['other'] });
  });

  it('are not said to agree when no model names the schema', async () => {
    const options = { schema: 'elsewhere', prismaSchema };
    await database.query('create schema if not exists elsewhere');
    expect(await prismaDrift(database, options)).toEqual(['there is no model with @@schema("elsewhere")']);
  });
});
