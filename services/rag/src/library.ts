/** Times are milliseconds since 1970. */
export interface Store {
  readonly id: string;
  readonly name: string;
  readonly createdAt: number;
  readonly fileCount: number;
  readonly bytes: number;
}

export interface File {
  readonly id: string;
  readonly filename: string;
  readonly purpose: string;
  readonly bytes: number;
  readonly createdAt: number;
}

export interface StoreFile {
  readonly storeId: string;
  readonly fileId: string;
  readonly status: 'completed' | 'failed';
  readonly chunks: number;
  readonly error: string;
  readonly createdAt: number;
}

/** A document that can be found: a file in a store. `number` is never used again for another. */
export interface Document {
  readonly number: number;
  readonly storeId: string;
  readonly fileId: string;
  readonly filename: string;
  readonly embedder: string;
  readonly chunks: number;
}

export interface StoredChunk {
  readonly document: number;
  readonly position: number;
  readonly text: string;
  readonly embedding: Float32Array;
}

/**
 * What the organisations have put in. Every operation names the organisation and sees nothing of another: what is another's is
 * `not_found`, as is what does not exist. Lists are newest first and at most 10,000 long.
 */
export interface Library {
  createStore(orgId: string, name: string): Promise<Store>;
  listStores(orgId: string): Promise<Store[]>;
  /** Deletes it and its documents. False: there was none. */
  deleteStore(orgId: string, storeId: string): Promise<boolean>;

  createFile(orgId: string, file: { filename: string; purpose: string; bytes: number; content: string }): Promise<File>;
  getFile(orgId: string, fileId: string): Promise<File>;
  listFiles(orgId: string): Promise<File[]>;
  /** Deletes it, in all stores too. False: there was none. */
  deleteFile(orgId: string, fileId: string): Promise<boolean>;
  contentOf(orgId: string, fileId: string): Promise<{ filename: string; content: string }>;

  listStoreFiles(orgId: string, storeId: string): Promise<StoreFile[]>;
  storeFile(orgId: string, storeId: string, fileId: string): Promise<StoreFile | undefined>;
  /** What embeds the store; undefined: not decided yet. */
  embedderOf(orgId: string, storeId: string): Promise<string | undefined>;
  /** Decides the embedder unless it is decided, and returns what it is then. */
  decideEmbedder(orgId: string, storeId: string, embedder: string): Promise<string>;
  countChunks(orgId: string): Promise<number>;

  /** Begins a document that nobody can find yet. */
  beginDocument(orgId: string, storeId: string, fileId: string, embedder: string): Promise<number>;
  addChunks(chunks: readonly StoredChunk[]): Promise<void>;
  /** Ends it: from now on it can be found, or is a failure to be read about. A file that is in the store already stays, and ours goes. */
  endDocument(orgId: string, document: number, outcome: { chunks: number; error: string }): Promise<StoreFile>;
  abandonDocument(orgId: string, document: number): Promise<void>;
  /** Removes what was begun before `before` and never ended. */
  sweep(before: number): Promise<number>;

  /** Changes whenever stores or documents of the organisation do; it costs little or nothing to ask. */
  generation(orgId: string): Promise<number> | number;
  catalog(orgId: string): Promise<{ storeIds: string[]; documents: Document[] }>;
  /** The chunks of documents, those of each in order and together, a page at a time. */
  chunks(orgId: string, documents: readonly Document[]): AsyncIterable<StoredChunk[]>;
}
