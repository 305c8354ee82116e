import { z } from 'zod';
import type { Identity } from '../../access/identity.ts';
import type { Edge } from '../../http/edge.ts';
import { parse } from '../../http/parse.ts';
import { everyOrg, ruleInputSchema } from '../../rules/rule.ts';
import { testRule } from '../../rules/rule-test.ts';
import { deletedObject, deletedSchema, wholeObject, wholeSchema } from './lists.ts';
import { operation } from './operation.ts';
import { byOrg, byRule, none } from './parameters.ts';
import { noSuch } from './reach.ts';
import { directoryOf, rulesOf } from './rooms.ts';
import { ruleObject, ruleObjectSchema } from './shapes.ts';

const collection = '/admin/api/orgs/{org}/rules';
const one = '/admin/api/orgs/{org}/rules/{rule}';
const { pattern } = ruleInputSchema.shape;

const testBody = z.strictObject({ pattern, samples: z.array(z.string().max(8_000)).min(1).max(32) });
const testSchema = z.strictObject({
  object: z.literal('rule_test'),
  refused: z.string().nullable().describe('Why the pattern cannot be a rule. Null: it can.'),
  matches: z.array(z.boolean()).describe('For each sample; empty when the pattern is refused.'),
});

export const ruleOperations = [
  operation({
    ...{ id: 'listRules', method: 'GET', path: collection, scope: 'org-admin' },
    summary: 'Content rules of the database, by id; `*` for those of every organisation',
    ...{ params: byOrg, query: none, body: none, status: 200 },
    response: wholeSchema(ruleObjectSchema),
    async run(edge, { params, exchange }) {
      await needOrg(edge, exchange.identity, params.org);
      return wholeObject(await rulesOf(edge).list(params.org), ruleObject);
    },
  }),
  operation({
    ...{ id: 'putRule', method: 'PUT', path: one, scope: 'org-admin' },
    summary: 'Make or replace a content rule. It is in force on every replica at once',
    ...{
      params: byRule,
      query: none,
      body: ruleInputSchema.omit({ id: true }),
      response: ruleObjectSchema,
      status: 200,
    },
    async run(edge, { params: { org, rule: id }, body, exchange }) {
      await needOrg(edge, exchange.identity, org);
      const rule = parse(ruleInputSchema, { ...body, id });
      return ruleObject(await rulesOf(edge).put(exchange.identity, org, rule));
    },
  }),
  operation({
    ...{ id: 'deleteRule', method: 'DELETE', path: one, scope: 'org-admin', summary: 'Remove a content rule' },
    ...{ params: byRule, query: none, body: none, response: deletedSchema, status: 200 },
    async run(edge, { params: { org, rule }, exchange }) {
      await needOrg(edge, exchange.identity, org);
      if (!(await rulesOf(edge).delete(exchange.identity, org, rule))) throw noSuch('rule', rule);
      return deletedObject('rule', rule);
    },
  }),
  operation({
    ...{ id: 'testRule', method: 'POST', path: '/admin/api/rules/test', scope: 'org-admin' },
    summary: 'Try a pattern on sample texts before it is saved',
    ...{ params: none, query: none, body: testBody, response: testSchema, status: 200 },
    async run(_edge, { body }) {
      const { refused, matches } = testRule(body.pattern, body.samples);
      return { object: 'rule_test' as const, refused: refused ?? null, matches: [...matches] };
    },
  }),
];

async function needOrg(edge: Edge, identity: Identity, org: string): Promise<void> {
  if (org !== everyOrg) await directoryOf(edge).getOrg(identity, org);
}
