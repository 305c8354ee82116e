import { tierSchema } from '@flotilla/kernel';
import type { Tier } from '../../directory/records.ts';
import { deletedObject, deletedSchema, wholeObject, wholeSchema } from './lists.ts';
import { operation } from './operation.ts';
import { byTier, none } from './parameters.ts';
import { noSuch } from './reach.ts';
import { directoryOf } from './rooms.ts';
import { tierObject, tierObjectSchema } from './shapes.ts';

const collection = '/admin/api/tiers';
const one = '/admin/api/tiers/{tier}';

export const tierOperations = [
  operation({
    ...{ id: 'listTiers', method: 'GET', path: collection, scope: 'admin' },
    summary: "Tiers of the platform's file and of the database, all of them",
    ...{ params: none, query: none, body: none, status: 200 },
    response: wholeSchema(tierObjectSchema),
    async run(edge, { exchange }) {
      return wholeObject(await directoryOf(edge).listTiers(exchange.identity), tierObject);
    },
  }),
  operation({
    ...{ id: 'getTier', method: 'GET', path: one, scope: 'admin', summary: 'One tier' },
    ...{ params: byTier, query: none, body: none, response: tierObjectSchema, status: 200 },
    async run(edge, { params, exchange }) {
      const tiers = await directoryOf(edge).listTiers(exchange.identity);
      return tierObject(named(tiers, params.tier));
    },
  }),
  operation({
    ...{ id: 'putTier', method: 'PUT', path: one, scope: 'admin' },
    summary: 'Make or replace a tier of the database. It holds for every key of it at once',
    ...{ params: byTier, query: none, body: tierSchema, response: tierObjectSchema, status: 200 },
    async run(edge, { params, body, exchange }) {
      return tierObject(await directoryOf(edge).putTier(exchange.identity, { name: params.tier, definition: body }));
    },
  }),
  operation({
    ...{ id: 'deleteTier', method: 'DELETE', path: one, scope: 'admin' },
    summary: "Remove a tier from the database; the file's of that name is in force again. Refused while it is needed",
    ...{ params: byTier, query: none, body: none, response: deletedSchema, status: 200 },
    async run(edge, { params, exchange }) {
      await directoryOf(edge).deleteTier(exchange.identity, params.tier);
      return deletedObject('tier', params.tier);
    },
  }),
];

function named(tiers: readonly Tier[], name: string): Tier {
  const tier = tiers.find((candidate) => candidate.name === name);
  if (!tier) throw noSuch('tier', name);
  return tier;
}
