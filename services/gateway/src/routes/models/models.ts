import type { router } from '@flotilla/contracts';
import { FlotillaError } from '@flotilla/kernel';
import type { FastifyInstance } from 'fastify';
import type { Edge } from '../../http/edge.ts';
import { jsonHandler } from '../../http/route.ts';
import { usableModels } from './usable-models.ts';

/** GET /v1/models and /v1/models/{id}: those that the key may use; an id may hold slashes, percent-encoded or not. */
export function models(app: FastifyInstance, edge: Edge): void {
  app.get(
    '/v1/models',
    jsonHandler(edge, async (_request, exchange) => ({
      object: 'list',
      data: (await usableModels(edge, exchange)).map(modelObject),
    })),
  );
  app.get(
    '/v1/models/*',
    jsonHandler(edge, async ({ params }, exchange) => {
      const name = (params as Record<'*', string>)['*'];
      const model = (await usableModels(edge, exchange)).find((candidate) => candidate.name === name);
      if (!model) {
        const message = `There is no model '${name.slice(0, 256)}' that this key may use. GET /v1/models lists those there are.`;
        throw new FlotillaError('model_not_found', message, { details: { param: 'model' } });
      }
      return modelObject(model);
    }),
  );
}

function modelObject({ name, createdAt, ownedBy, ready, capabilities, contextWindow }: router.Model): object {
  return {
    id: name,
    object: 'model',
    created: Math.floor(createdAt / 1_000),
    owned_by: ownedBy || 'flotilla',
    flotilla: { ready, capabilities, ...(contextWindow > 0 && { context_window: contextWindow }) },
  };
}
