import { FlotillaError } from '@flotilla/kernel';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { Edge } from '../../http/edge.ts';
import type { Exchange } from '../../http/exchange.ts';
import { page } from '../../http/paging.ts';
import { parse } from '../../http/parse.ts';
import { jsonHandler } from '../../http/route.ts';
import { passageObject, storeFileObject, storeObject } from './shapes.ts';

const needsFiles = { config: { scope: 'files' } } as const;

type InStore = FastifyRequest<{ Params: { id: string; fileId: string } }>;

/** Each file is indexed before the answer: more would outlast the patience of clients. */
const mostFilesAtOnce = 20;

const createSchema = z.object({
  name: z.string().max(256).nullish(),
  file_ids: z.array(z.string()).max(mostFilesAtOnce).nullish(),
});
const addFileSchema = z.object({ file_id: z.string().min(1) });
const searchSchema = z.object({
  query: z.union([z.string().min(1), z.array(z.string().min(1)).min(1).max(16)]),
  max_num_results: z.number().int().min(1).max(50).default(10),
});

/**
 * POST, GET /v1/vector_stores; GET, DELETE /v1/vector_stores/{id}; POST, GET …/files; GET …/files/{file}; POST …/search.
 * What was created can be found when the answer arrives: nothing is ever `in_progress`.
 */
export function vectorStores(app: FastifyInstance, edge: Edge): void {
  const { rag } = edge;
  const options = ({ signal }: Exchange) => ({ signal, timeoutMs: edge.config.callTimeoutMs });
  const storeOf = async (id: string, exchange: Exchange) => {
    const { stores } = await rag.listStores({ caller: exchange.caller }, options(exchange));
    const store = stores.find((candidate) => candidate.id === id);
    if (!store) throw new FlotillaError('not_found', `There is no vector store '${id}'.`);
    return store;
  };
  const filesOf = async (storeId: string, exchange: Exchange) => {
    const { files } = await rag.listStoreFiles({ caller: exchange.caller, storeId }, options(exchange));
    return files.map((file) => ({ ...file, id: file.fileId }));
  };

  app.post(
    '/v1/vector_stores',
    needsFiles,
    jsonHandler(edge, async ({ body }, exchange) => {
      const { name, file_ids: fileIds } = parse(createSchema, body ?? {});
      const { caller } = exchange;
      const store = await rag.createStore({ caller, name: name ?? '' }, options(exchange));
      for (const fileId of fileIds ?? [])
        await rag.addFileToStore({ caller, storeId: store.id, fileId }, options(exchange));
      return storeObject(fileIds?.length ? await storeOf(store.id, exchange) : store);
    }),
  );
  app.get(
    '/v1/vector_stores',
    needsFiles,
    jsonHandler(edge, async ({ query }, exchange) => {
      const { stores } = await rag.listStores({ caller: exchange.caller }, options(exchange));
      return page(stores, query, storeObject);
    }),
  );
  app.get(
    '/v1/vector_stores/:id',
    needsFiles,
    jsonHandler(edge, async ({ params }: InStore, exchange) => storeObject(await storeOf(params.id, exchange))),
  );
  app.delete(
    '/v1/vector_stores/:id',
    needsFiles,
    jsonHandler(edge, async ({ params }: InStore, exchange) => {
      const { deleted } = await rag.deleteStore({ caller: exchange.caller, storeId: params.id }, options(exchange));
      if (!deleted) throw new FlotillaError('not_found', `There is no vector store '${params.id}'.`);
      return { id: params.id, object: 'vector_store.deleted', deleted };
    }),
  );
  app.post(
    '/v1/vector_stores/:id/files',
    needsFiles,
    jsonHandler(edge, async ({ params, body }: InStore, exchange) => {
      const { file_id: fileId } = parse(addFileSchema, body);
      const request = { caller: exchange.caller, storeId: params.id, fileId };
      return storeFileObject(await rag.addFileToStore(request, options(exchange)));
    }),
  );
  app.get(
    '/v1/vector_stores/:id/files',
    needsFiles,
    jsonHandler(edge, async ({ params, query }: InStore, exchange) =>
      page(await filesOf(params.id, exchange), query, storeFileObject),
    ),
  );
  app.get(
    '/v1/vector_stores/:id/files/:fileId',
    needsFiles,
    jsonHandler(edge, async ({ params }: InStore, exchange) => {
      const file = (await filesOf(params.id, exchange)).find(({ fileId }) => fileId === params.fileId);
      if (!file) throw new FlotillaError('not_found', `There is no file '${params.fileId}' in '${params.id}'.`);
      return storeFileObject(file);
    }),
  );
  app.post(
    '/v1/vector_stores/:id/search',
    needsFiles,
    jsonHandler(edge, async ({ params, body }: InStore, exchange) => {
      const { query, max_num_results: limit } = parse(searchSchema, body);
      await storeOf(params.id, exchange);
      const queries = [query].flat();
      const request = { caller: exchange.caller, query: queries.join('\n'), storeIds: [params.id], limit };
      const { passages } = await rag.retrieve(request, options(exchange));
      return {
        object: 'vector_store.search_results.page',
        search_query: queries,
        data: passages.map(passageObject),
        has_more: false,
        next_page: null,
      };
    }),
  );
}
