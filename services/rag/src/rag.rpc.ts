import { Inject } from '@nestjs/common';
import { rag, type common } from '@flotilla/contracts';
import { FlotillaError } from '@flotilla/kernel';
import { RpcController, type CallContext, type Handlers } from '@flotilla/rpc';
import type { RagConfig } from './config.ts';
import { Indexer } from './indexer.ts';
import type { Library, Store, StoreFile } from './library.ts';
import { Retriever } from './retriever.ts';
import { checkName, decodeText } from './text-file.ts';

/** Names of what the container holds for interfaces. */
export const LIBRARY = Symbol('library');
export const CONFIG = Symbol('config');

@RpcController(rag.RagDefinition)
export class RagRpc implements Handlers<typeof rag.RagDefinition> {
  private readonly library: Library;
  private readonly indexer: Indexer;
  private readonly retriever: Retriever;
  private readonly config: RagConfig;

  constructor(
    @Inject(LIBRARY) library: Library,
    indexer: Indexer,
    retriever: Retriever,
    @Inject(CONFIG) config: RagConfig,
  ) {
    this.library = library;
    this.indexer = indexer;
    this.retriever = retriever;
    this.config = config;
  }

  async createStore({ caller, name }: rag.CreateStoreRequest): Promise<rag.Store> {
    return storeOf(await this.library.createStore(tenant(caller).orgId, checkName(name, 'name')));
  }

  async listStores({ caller }: rag.ListStoresRequest): Promise<rag.StoreList> {
    return { stores: (await this.library.listStores(tenant(caller).orgId)).map(storeOf) };
  }

  async deleteStore({ caller, storeId }: rag.DeleteStoreRequest): Promise<rag.Deleted> {
    const deleted = await this.library.deleteStore(tenant(caller).orgId, storeId);
    if (!deleted) throw new FlotillaError('not_found', `There is no vector store '${storeId}'.`);
    return { deleted };
  }

  async createFile({ caller, filename, purpose, content }: rag.CreateFileRequest): Promise<rag.File> {
    return this.library.createFile(tenant(caller).orgId, {
      filename: checkName(filename, 'filename') || 'file.txt',
      purpose: checkName(purpose, 'purpose') || 'assistants',
      bytes: content.byteLength,
      content: decodeText(content, this.config.maxFileBytes),
    });
  }

  async getFile({ caller, fileId }: rag.GetFileRequest): Promise<rag.File> {
    return this.library.getFile(tenant(caller).orgId, fileId);
  }

  async listFiles({ caller }: rag.ListFilesRequest): Promise<rag.FileList> {
    return { files: await this.library.listFiles(tenant(caller).orgId) };
  }

  async deleteFile({ caller, fileId }: rag.DeleteFileRequest): Promise<rag.Deleted> {
    const deleted = await this.library.deleteFile(tenant(caller).orgId, fileId);
    if (!deleted) throw new FlotillaError('not_found', `There is no file '${fileId}'.`);
    return { deleted };
  }

  async addFileToStore(request: rag.AddFileToStoreRequest, { signal }: CallContext): Promise<rag.StoreFile> {
    const { storeId, fileId } = request;
    return storeFileOf(await this.indexer.add({ caller: tenant(request.caller), storeId, fileId, signal }));
  }

  async listStoreFiles({ caller, storeId }: rag.ListStoreFilesRequest): Promise<rag.StoreFileList> {
    return { files: (await this.library.listStoreFiles(tenant(caller).orgId, storeId)).map(storeFileOf) };
  }

  async retrieve(request: rag.RetrieveRequest, context: CallContext): Promise<rag.RetrieveResponse> {
    const { passages, vectorsUsed } = await this.retriever.retrieve({
      ...{ caller: tenant(request.caller), text: request.query, storeIds: request.storeIds, limit: request.limit },
      ...{ signal: context.signal, remainingMs: context.remainingMs() },
    });
    return {
      passages: passages.map(({ document, chunk, text, score }, i) => ({
        ...{ number: i + 1, storeId: document.storeId, documentId: document.fileId, filename: document.filename },
        ...{ chunk, text, score },
      })),
      vectorsUsed,
    };
  }
}

function tenant(caller: common.Caller | undefined): common.Caller {
  if (!caller?.orgId) throw new FlotillaError('invalid_request', 'The call names no organisation.');
  return caller;
}

function storeOf(store: Store): rag.Store {
  return { ...store, bytes: Math.min(store.bytes, 2 ** 32 - 1) };
}

function storeFileOf(file: StoreFile): rag.StoreFile {
  return { ...file };
}
