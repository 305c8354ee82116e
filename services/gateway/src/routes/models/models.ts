import type { router } from '@flotilla/contracts';
import { FlotillaError } from '@flotilla/kernel';
import type { FastifyInstance } from 'fastify';
import type { Edge } from '../../http/edge.ts';
import type { Exchange } from '../../http/exchange.ts';
import { jsonHandler } from '../../http/route.ts';

/** GET /v1/models and /v1/models/{id}; an id may hold slashes. */
export function models(app: FastifyInstance, edge: Edge): void {
  const list = async ({ caller, signal }: Exchange) => {
    const answer = await edge.router.listModels({ caller }, { signal, timeoutMs: edge.config.callTimeoutMs });
    return answer.models;
  };
  app.get(
    '/v1/models',
    jsonHandler(edge, async (_request, exchange) => ({
      object: 'list',
      data: (await list(exchange)).map(modelObject),
    })),
  );
  app.get(
    '/v1/models/*',
    jsonHandler(edge, async ({ params }, exchange) => {
      const name = (params as Record<'*', string>)['*'];
      const model = (await list(exchange)).find((candidate) => candidate.name === name);
      if (!model) {
        const message = `The model '${name.slice(0, 256)}' does not exist. GET /v1/models lists those there are.`;
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
