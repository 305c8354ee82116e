import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import type { Edge } from '../../http/edge.ts';
import { openApiDocument } from './openapi.ts';
import { operation } from './operation.ts';
import { adminOperations } from './operations.ts';
import { none } from './parameters.ts';
import { serve } from './serve.ts';

/** The document of the admin API; see docs/reference/admin-api.json. */
export const adminApiDocument = () => openApiDocument(adminOperations);

let document: ReturnType<typeof adminApiDocument> | undefined;

const documentOperation = operation({
  ...{ id: 'getDocument', method: 'GET', path: '/admin/api/openapi.json', scope: 'org-admin' },
  summary: 'The OpenAPI document',
  ...{ params: none, query: none, body: none, response: z.record(z.string(), z.unknown()), status: 200 },
  run: async () => (document ??= adminApiDocument()),
});

/** Everything under /admin/api. */
export function admin(app: FastifyInstance, edge: Edge): void {
  serve(app, edge, [...adminOperations, documentOperation]);
}
