import type { router } from '@flotilla/contracts';
import { FlotillaError } from '@flotilla/kernel';
import { z } from 'zod';
import type { Edge } from '../../http/edge.ts';
import type { Exchange } from '../../http/exchange.ts';
import { deletedObject, deletedSchema, wholeObject, wholeSchema } from './lists.ts';
import { operation } from './operation.ts';
import { none, orgFilter } from './parameters.ts';
import { isPlatformAdmin, noSuch } from './reach.ts';
import { directoryOf } from './rooms.ts';
import {
  offerObject,
  offerSchema,
  overrideObject,
  overrideSchema,
  providerObject,
  providerSchema,
} from './registry-shapes.ts';

const kinds = ['model', 'provider', 'setting'] as const;
const longestName = 256;
const byName = z.strictObject({ kind: z.enum(kinds), name: z.string().min(1).max(longestName) });
const collection = '/admin/api/overrides';
const one = '/admin/api/overrides/{kind}/{name}';
const purgedSchema = z.strictObject({ object: z.literal('cache_purge'), deleted: z.int() });

const within = (edge: Edge, { signal }: Exchange) => ({ signal, timeoutMs: edge.config.callTimeoutMs });

export const registryOperations = [
  operation({
    ...{ id: 'listOverrides', method: 'GET', path: collection, scope: 'admin' },
    summary: 'What was set at run time over the file: models, providers and settings',
    ...{ params: none, query: none, body: none, response: wholeSchema(overrideSchema), status: 200 },
    async run(edge, { exchange }) {
      const { caller } = exchange;
      const { overrides } = await edge.registry.listOverrides({ caller }, within(edge, exchange));
      return wholeObject(overrides, overrideObject);
    },
  }),
  operation({
    ...{ id: 'putOverride', method: 'PUT', path: one, scope: 'admin' },
    summary:
      'Set a model, a provider or a setting (default_provider, profile) over the file. It holds for every request that comes after',
    ...{ params: byName, query: none, response: overrideSchema, status: 200 },
    body: z.strictObject({
      definition: z
        .json()
        .describe("Fields as in the file, over the file's entry of that name; null hides it; a setting's value."),
    }),
    async run(edge, { params: { kind, name }, body, exchange }) {
      const { caller } = exchange;
      const directory = directoryOf(edge);
      const definitionJson = JSON.stringify(body.definition);
      const override = await edge.registry.setOverride({ caller, kind, name, definitionJson }, within(edge, exchange));
      const deed = {
        action: `${kind}.put`,
        target: { kind, id: name },
        orgId: '',
        change: { definition: body.definition },
      };
      await directory.note(exchange.identity, deed);
      return overrideObject(override);
    },
  }),
  operation({
    ...{ id: 'deleteOverride', method: 'DELETE', path: one, scope: 'admin' },
    summary: 'Take back what was set at run time; what the file says is in force again',
    ...{ params: byName, query: none, body: none, response: deletedSchema, status: 200 },
    async run(edge, { params: { kind, name }, exchange }) {
      const { caller } = exchange;
      const directory = directoryOf(edge);
      const { existed } = await edge.registry.deleteOverride({ caller, kind, name }, within(edge, exchange));
      if (!existed) throw noSuch(`override of the ${kind}`, name);
      await directory.note(exchange.identity, {
        action: `${kind}.delete`,
        target: { kind, id: name },
        orgId: '',
        change: {},
      });
      return deletedObject('override', name);
    },
  }),
  operation({
    ...{ id: 'listProviders', method: 'GET', path: '/admin/api/providers', scope: 'admin' },
    summary: 'Providers as they are set now',
    ...{ params: none, query: none, body: none, response: wholeSchema(providerSchema), status: 200 },
    async run(edge, { exchange }) {
      const { providers } = await listProviders(edge, exchange, '', false);
      return wholeObject(providers, providerObject);
    },
  }),
  operation({
    ...{ id: 'listProviderModels', method: 'GET', path: '/admin/api/providers/{provider}/models', scope: 'admin' },
    summary: 'Models and personas that a provider offers; `refresh` asks it again',
    params: z.strictObject({ provider: z.string().min(1).max(longestName) }),
    query: z.strictObject({ refresh: z.enum(['true', 'false']).default('false') }),
    ...{ body: none, response: wholeSchema(offerSchema), status: 200 },
    async run(edge, { params, query, exchange }) {
      const { providers } = await listProviders(edge, exchange, params.provider, query.refresh === 'true');
      const [found] = providers;
      if (!found) throw noSuch('provider', params.provider);
      // An older list is better than none; none, and why, is an error.
      if (found.problem !== '' && found.models.length === 0) throw new FlotillaError('unavailable', found.problem);
      return wholeObject(found.models, offerObject);
    },
  }),
  operation({
    ...{ id: 'purgeCache', method: 'POST', path: '/admin/api/cache/purge', scope: 'org-admin' },
    summary: 'Forget answers that were kept: those of an organisation, of a model, or all',
    ...{ params: none, query: z.strictObject(orgFilter), response: purgedSchema, status: 200 },
    body: z.strictObject({ model: z.string().max(longestName).default('').describe('Empty: of all models.') }),
    async run(edge, { query, body: { model }, exchange }) {
      const { caller, identity } = exchange;
      const directory = directoryOf(edge);
      const orgId = query.org ?? (isPlatformAdmin(identity) ? '' : identity.orgId);
      const { deleted } = await edge.registry.purgeCache({ caller, orgId, model }, within(edge, exchange));
      await directory.note(identity, {
        ...{ action: 'cache.purge', target: { kind: 'cache', id: model || '*' } },
        ...{ orgId, change: { deleted } },
      });
      return { object: 'cache_purge' as const, deleted };
    },
  }),
];

function listProviders(
  edge: Edge,
  exchange: Exchange,
  provider: string,
  refresh: boolean,
): Promise<router.ProviderList> {
  return edge.registry.listProviders({ caller: exchange.caller, provider, refresh }, within(edge, exchange));
}
