import multipart from '@fastify/multipart';
import type { rag } from '@flotilla/contracts';
import { FlotillaError } from '@flotilla/kernel';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Edge } from '../../http/edge.ts';
import { page } from '../../http/paging.ts';
import { jsonHandler } from '../../http/route.ts';
import { readUpload } from './upload.ts';

const needsFiles = { config: { scope: 'files' } } as const;

type ById = FastifyRequest<{ Params: { id: string } }>;

/** POST, GET /v1/files; GET, DELETE /v1/files/{id} */
export function files(app: FastifyInstance, edge: Edge): void {
  const { config } = edge;
  const timeoutMs = config.callTimeoutMs;
  // A plugin of its own: the parser of forms is for this URL alone.
  app.register(async (form) => {
    await form.register(multipart, {
      limits: { fileSize: config.fileLimit, files: 1, fields: 16, fieldSize: 4_096, parts: 17, headerPairs: 64 },
    });
    form.post(
      '/v1/files',
      needsFiles,
      jsonHandler(edge, async (request, { caller, signal }) => {
        const upload = await readUpload(request);
        return fileObject(await edge.rag.createFile({ caller, ...upload }, { timeoutMs, signal }));
      }),
    );
  });
  app.get(
    '/v1/files',
    needsFiles,
    jsonHandler(edge, async ({ query }, { caller, signal }) => {
      const { files } = await edge.rag.listFiles({ caller }, { timeoutMs, signal });
      const { purpose } = query as { purpose?: unknown };
      const wanted = purpose === undefined ? files : files.filter((file) => file.purpose === purpose);
      return page(wanted, query, fileObject);
    }),
  );
  app.get(
    '/v1/files/:id',
    needsFiles,
    jsonHandler(edge, async ({ params }: ById, { caller, signal }) =>
      fileObject(await edge.rag.getFile({ caller, fileId: params.id }, { timeoutMs, signal })),
    ),
  );
  app.delete(
    '/v1/files/:id',
    needsFiles,
    jsonHandler(edge, async ({ params }: ById, { caller, signal }) => {
      const { deleted } = await edge.rag.deleteFile({ caller, fileId: params.id }, { timeoutMs, signal });
      if (!deleted) throw new FlotillaError('not_found', `There is no file '${params.id}'.`);
      return { id: params.id, object: 'file', deleted };
    }),
  );
}

function fileObject({ id, bytes, createdAt, filename, purpose }: rag.File): object {
  return {
    ...{ id, object: 'file', bytes, created_at: Math.floor(createdAt / 1_000), filename },
    ...{ purpose, status: 'processed' },
  };
}
