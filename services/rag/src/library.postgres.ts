import { sqlState, type Database, type Queryable } from '@flotilla/database';
import { FlotillaError, type Clock, type Random } from '@flotilla/kernel';
import { Generations } from './generations.ts';
import type { Document, File, Library, Store, StoredChunk, StoreFile } from './library.ts';

const MOST = 10_000;
/** Chunks read at once: some 10 ms of an event loop that other streams share. */
const PAGE = 128;

interface StoreRow {
  id: string;
  name: string;
  created_at: Date;
  file_count: number;
  bytes: number;
}

interface FileRow {
  id: string;
  filename: string;
  purpose: string;
  bytes: number;
  created_at: Date;
}

interface StoreFileRow {
  store_id: string;
  file_id: string;
  status: StoreFile['status'];
  chunk_count: number;
  error: string;
  created_at: Date;
}

const storeColumns = `s.id, s.name, s.created_at, count(f.id)::int as file_count, coalesce(sum(f.bytes), 0)::float8 as bytes
  from rag.stores s
  left join rag.documents d on d.store_id = s.id and d.status = 'completed'
  left join rag.files f on f.id = d.file_id`;
const fileColumns = 'id, filename, purpose, bytes, created_at';
const storeFileColumns = 'store_id, file_id, status, chunk_count, error, created_at';

/** The library in PostgreSQL or PGlite, schema `rag`. Every statement names the organisation. */
export class PostgresLibrary implements Library {
  private readonly database: Database;
  private readonly clock: Clock;
  private readonly random: Random;
  private readonly generations: Generations;

  constructor(database: Database, clock: Clock, random: Random) {
    this.database = database;
    this.clock = clock;
    this.random = random;
    this.generations = new Generations(database);
  }

  async createStore(orgId: string, name: string): Promise<Store> {
    const id = this.random.id('vs_');
    const createdAt = this.clock.now();
    await this.generations.change(orgId, (tx) =>
      tx.query('insert into rag.stores (id, org_id, name, created_at) values ($1, $2, $3, $4)', [
        ...[id, orgId, name],
        new Date(createdAt),
      ]),
    );
    return { id, name, createdAt, fileCount: 0, bytes: 0 };
  }

  async listStores(orgId: string): Promise<Store[]> {
    const rows = await this.database.query<StoreRow>(
      `select ${storeColumns} where s.org_id = $1 group by s.id order by s.created_at desc, s.id limit ${MOST}`,
      [orgId],
    );
    return rows.map((row) => ({
      ...{ id: row.id, name: row.name, createdAt: row.created_at.getTime() },
      ...{ fileCount: row.file_count, bytes: row.bytes },
    }));
  }

  async deleteStore(orgId: string, storeId: string): Promise<boolean> {
    const gone = await this.generations.change(orgId, (tx) =>
      tx.query('delete from rag.stores where org_id = $1 and id = $2 returning id', [orgId, storeId]),
    );
    return gone.length > 0;
  }

  async createFile(
    orgId: string,
    { filename, purpose, bytes, content }: { filename: string; purpose: string; bytes: number; content: string },
  ): Promise<File> {
    const id = this.random.id('file-');
    const createdAt = this.clock.now();
    await this.database.query(
      `insert into rag.files (id, org_id, filename, purpose, bytes, content, created_at) values ($1, $2, $3, $4, $5, $6, $7)`,
      [id, orgId, filename, purpose, bytes, content, new Date(createdAt)],
    );
    return { id, filename, purpose, bytes, createdAt };
  }

  async getFile(orgId: string, fileId: string): Promise<File> {
    const [row] = await this.database.query<FileRow>(
      `select ${fileColumns} from rag.files where org_id = $1 and id = $2`,
      [orgId, fileId],
    );
    return row ? fileOf(row) : missing('file', fileId);
  }

  async listFiles(orgId: string): Promise<File[]> {
    const rows = await this.database.query<FileRow>(
      `select ${fileColumns} from rag.files where org_id = $1 order by created_at desc, id limit ${MOST}`,
      [orgId],
    );
    return rows.map(fileOf);
  }

  async deleteFile(orgId: string, fileId: string): Promise<boolean> {
    const gone = await this.generations.change(orgId, (tx) =>
      tx.query('delete from rag.files where org_id = $1 and id = $2 returning id', [orgId, fileId]),
    );
    return gone.length > 0;
  }

  async contentOf(orgId: string, fileId: string): Promise<{ filename: string; content: string }> {
    const [row] = await this.database.query<{ filename: string; content: string }>(
      'select filename, content from rag.files where org_id = $1 and id = $2',
      [orgId, fileId],
    );
    return row ?? missing('file', fileId);
  }

  async listStoreFiles(orgId: string, storeId: string): Promise<StoreFile[]> {
    await this.embedderOf(orgId, storeId);
    const rows = await this.database.query<StoreFileRow>(
      `select ${storeFileColumns} from rag.documents
       where org_id = $1 and store_id = $2 and status <> 'indexing' order by created_at desc, file_id limit ${MOST}`,
      [orgId, storeId],
    );
    return rows.map(storeFileOf);
  }

  storeFile(orgId: string, storeId: string, fileId: string): Promise<StoreFile | undefined> {
    return outcomeOf(this.database, orgId, storeId, fileId);
  }

  async embedderOf(orgId: string, storeId: string): Promise<string | undefined> {
    const [row] = await this.database.query<{ embedder: string | null }>(
      'select embedder from rag.stores where org_id = $1 and id = $2',
      [orgId, storeId],
    );
    return row ? (row.embedder ?? undefined) : missing('vector store', storeId);
  }

  async decideEmbedder(orgId: string, storeId: string, embedder: string): Promise<string> {
    const [row] = await this.database.query<{ embedder: string }>(
      'update rag.stores set embedder = coalesce(embedder, $3) where org_id = $1 and id = $2 returning embedder',
      [orgId, storeId, embedder],
    );
    return row?.embedder ?? missing('vector store', storeId);
  }

  async countChunks(orgId: string): Promise<number> {
    const [row] = await this.database.query<{ chunks: number }>(
      `select coalesce(sum(chunk_count), 0)::float8 as chunks from rag.documents where org_id = $1 and status = 'completed'`,
      [orgId],
    );
    return row!.chunks;
  }

  async beginDocument(orgId: string, storeId: string, fileId: string, embedder: string): Promise<number> {
    const [row] = await this.database
      .query<{ number: number }>(
        `insert into rag.documents (org_id, store_id, file_id, status, embedder, chunk_count, created_at)
         select $1, s.id, f.id, 'indexing', $4, 0, $5 from rag.stores s, rag.files f
         where s.org_id = $1 and s.id = $2 and f.org_id = $1 and f.id = $3 returning number`,
        [orgId, storeId, fileId, embedder, new Date(this.clock.now())],
      )
      .catch(gone);
    return row?.number ?? missing('file or vector store', `${fileId}, ${storeId}`);
  }

  async addChunks(chunks: readonly StoredChunk[]): Promise<void> {
    await this.database
      .query(
        `insert into rag.chunks (document, position, text, embedding)
         select d, p, t, e::vector from unnest($1::bigint[], $2::int[], $3::text[], $4::text[]) as c (d, p, t, e)`,
        [
          chunks.map(({ document }) => document),
          chunks.map(({ position }) => position),
          chunks.map(({ text }) => text),
          chunks.map(({ embedding }) => `[${Array.from(embedding, sixDecimals).join(',')}]`),
        ],
      )
      .catch(gone);
  }

  endDocument(orgId: string, document: number, outcome: { chunks: number; error: string }): Promise<StoreFile> {
    return this.generations.change(orgId, async (tx) => {
      // Others who put the same file into the same store wait here for the row that comes first.
      const [ours] = await tx.query<{ store_id: string; file_id: string }>(
        `select d.store_id, d.file_id from rag.documents d join rag.stores s on s.id = d.store_id
         where d.org_id = $1 and d.number = $2 for update`,
        [orgId, document],
      );
      if (!ours) return missing('file or vector store', 'it was deleted meanwhile');
      const pair = [orgId, ours.store_id, ours.file_id] as const;
      const before = await outcomeOf(tx, ...pair);
      if (before?.status === 'completed') {
        await tx.query('delete from rag.documents where org_id = $1 and number = $2', [orgId, document]);
        return before;
      }
      await tx.query(
        `delete from rag.documents where org_id = $1 and store_id = $2 and file_id = $3 and status = 'failed'`,
        pair,
      );
      await tx.query(
        'update rag.documents set status = $3, chunk_count = $4, error = $5 where org_id = $1 and number = $2',
        [orgId, document, outcome.error === '' ? 'completed' : 'failed', outcome.chunks, outcome.error],
      );
      return (await outcomeOf(tx, ...pair))!;
    });
  }

  async abandonDocument(orgId: string, document: number): Promise<void> {
    await this.database.query(`delete from rag.documents where org_id = $1 and number = $2 and status = 'indexing'`, [
      orgId,
      document,
    ]);
  }

  async sweep(before: number): Promise<number> {
    const rows = await this.database.query(
      `delete from rag.documents where status = 'indexing' and created_at < $1 returning number`,
      [new Date(before)],
    );
    return rows.length;
  }

  generation(orgId: string): Promise<number> | number {
    return this.generations.of(orgId);
  }

  async catalog(orgId: string): Promise<{ storeIds: string[]; documents: Document[] }> {
    const stores = await this.database.query<{ id: string }>('select id from rag.stores where org_id = $1', [orgId]);
    const documents = await this.database.query<Document>(
      `select d.number, d.store_id as "storeId", d.file_id as "fileId", f.filename, d.embedder, d.chunk_count as chunks
       from rag.documents d join rag.files f on f.id = d.file_id
       where d.org_id = $1 and d.status = 'completed' order by d.number`,
      [orgId],
    );
    return { storeIds: stores.map(({ id }) => id), documents };
  }

  async *chunks(orgId: string, documents: readonly Document[]): AsyncGenerator<StoredChunk[]> {
    for (const { numbers, from } of pagesOf(documents)) {
      const rows = await this.database.query<{ document: number; position: number; text: string; vector: string }>(
        `select c.document, c.position, c.text, encode(vector_send(c.embedding), 'base64') as vector
         from rag.chunks c join rag.documents d on d.number = c.document
         where d.org_id = $1 and c.document = any($2::bigint[]) and c.position >= $3 and c.position < $4
         order by c.document, c.position`,
        [orgId, numbers, from, from + PAGE],
      );
      yield rows.map(({ vector, ...row }) => ({ ...row, embedding: vectorOf(vector) }));
    }
  }
}

/** Several small documents at once, a large one in parts: pages of about PAGE chunks that an index finds. */
function* pagesOf(documents: readonly Document[]): Generator<{ numbers: number[]; from: number }> {
  let numbers: number[] = [];
  let chunks = 0;
  for (const document of documents) {
    if (chunks > 0 && chunks + document.chunks > PAGE) {
      yield { numbers, from: 0 };
      numbers = [];
      chunks = 0;
    }
    if (document.chunks > PAGE) {
      for (let from = 0; from < document.chunks; from += PAGE) yield { numbers: [document.number], from };
    } else {
      numbers.push(document.number);
      chunks += document.chunks;
    }
  }
  if (chunks > 0) yield { numbers, from: 0 };
}

/**
 * pgvector's binary form: the dimension and a reserved field of two bytes each, then big-endian floats. In base64, which Node decodes
 * natively: PGlite's reading of bytea costs four times what all else here does.
 */
function vectorOf(base64: string): Float32Array {
  const bytes = Buffer.from(base64, 'base64');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const vector = new Float32Array(view.getUint16(0));
  for (let i = 0; i < vector.length; i += 1) vector[i] = view.getFloat32(4 + 4 * i);
  return vector;
}

async function outcomeOf(
  on: Queryable,
  orgId: string,
  storeId: string,
  fileId: string,
): Promise<StoreFile | undefined> {
  const [row] = await on.query<StoreFileRow>(
    `select ${storeFileColumns} from rag.documents
     where org_id = $1 and store_id = $2 and file_id = $3 and status <> 'indexing'`,
    [orgId, storeId, fileId],
  );
  return row && storeFileOf(row);
}

function fileOf({ id, filename, purpose, bytes, created_at }: FileRow): File {
  return { id, filename, purpose, bytes, createdAt: created_at.getTime() };
}

function storeFileOf(row: StoreFileRow): StoreFile {
  return {
    ...{ storeId: row.store_id, fileId: row.file_id, status: row.status },
    ...{ chunks: row.chunk_count, error: row.error, createdAt: row.created_at.getTime() },
  };
}

/** The shortest text of a float32 that has six decimals. */
function sixDecimals(value: number): number {
  return Math.round(value * 1e6) / 1e6;
}

function missing(what: string, id: string): never {
  throw new FlotillaError('not_found', `There is no ${what} '${id}'.`);
}

/** A foreign key that is broken (23503): store or file were deleted while the file was indexed. */
function gone(error: unknown): never {
  if (sqlState(error) === '23503')
    throw new FlotillaError('not_found', 'The file or the vector store was deleted meanwhile.', { cause: error });
  throw error;
}
