import type { router } from '@flotilla/contracts';
import { FlotillaError } from '@flotilla/kernel';
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import type { Edge } from '../../http/edge.ts';
import { parse } from '../../http/parse.ts';
import { jsonHandler } from '../../http/route.ts';
import { usableModels } from './usable-models.ts';

const flag = z.enum(['true', 'false', '1', '0']).transform((text) => text === 'true' || text === '1');

/** Other parameters are left alone: SDKs page through lists. */
const listQuery = z.object({
  include_non_installed: flag.default(false).describe('Also models whose weights or provider are not there.'),
  include_test_models: flag.default(false),
});

/** GET /v1/models and /v1/models/{id}: those that the key may use; an id may hold slashes, percent-encoded or not. */
export function models(app: FastifyInstance, edge: Edge): void {
  app.get(
    '/v1/models',
    jsonHandler(edge, async (request, exchange) => {
      const query = parse(listQuery, request.query);
      const wanted = { includeNonInstalled: query.include_non_installed, includeTestModels: query.include_test_models };
      return { object: 'list', data: (await usableModels(edge, exchange, wanted)).map(modelObject) };
    }),
  );
  app.get(
    '/v1/models/*',
    jsonHandler(edge, async ({ params }, exchange) => {
      const name = (params as Record<'*', string>)['*'];
      const known = await usableModels(edge, exchange, { includeNonInstalled: true, includeTestModels: true });
      const model = known.find((one) => one.name === name) ?? known.find((one) => one.aliases.includes(name));
      if (!model) {
        const message = `There is no model '${name.slice(0, 256)}' that this key may use. GET /v1/models lists those there are.`;
        throw new FlotillaError('model_not_found', message, { details: { param: 'model' } });
      }
      return modelObject(model);
    }),
  );
}

function modelObject(model: router.Model): object {
  const { name, createdAt, ownedBy, contextWindow, description, inputPrice, outputPrice } = model;
  const priced = inputPrice > 0 || outputPrice > 0;
  return {
    id: name,
    object: 'model',
    created: Math.floor(createdAt / 1_000),
    owned_by: ownedBy || 'flotilla',
    flotilla: {
      ...{ ready: model.ready, installed: model.installed, active: model.active, testing: model.testing },
      capabilities: model.capabilities,
      ...(contextWindow > 0 && { context_window: contextWindow }),
      ...{ aliases: model.aliases, adapters: model.adapters, roles: model.roles, served_ids: model.servedIds },
      ...(priced && { price: { input: inputPrice, output: outputPrice } }),
      ...(description !== '' && { description }),
    },
  };
}
