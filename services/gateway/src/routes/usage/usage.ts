import type { limits } from '@flotilla/contracts';
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import type { Identity } from '../../access/identity.ts';
import { invalid } from '../../chat/invalid.ts';
import type { Edge } from '../../http/edge.ts';
import { operation } from '../admin/operation.ts';
import { none } from '../admin/parameters.ts';
import { serve } from '../admin/serve.ts';
import { askLedger } from './ask-ledger.ts';
import { daysOf, reportCsv, reportFields, reportOf, reportQuery, type Report } from './report.ts';

const limitSchema = z.strictObject({ scope: z.string(), name: z.string(), limit: z.number() });

/** GET /v1/usage: what the key (or its user) used, and the limits it is held to. */
export const ownUsage = operation({
  id: 'getOwnUsage',
  method: 'GET',
  path: '/v1/usage',
  scope: 'usage',
  summary: 'What was used with this key, or by its user',
  params: none,
  query: reportQuery(['day', 'model', 'key']).extend({
    of: z.enum(['key', 'user']).default('key').describe("A token's is counted as that of one key."),
  }),
  body: none,
  response: z.strictObject({
    ...reportFields,
    of: z.enum(['key', 'user']),
    id: z.string(),
    limits: z.array(limitSchema),
  }),
  status: 200,
  csv: (report) => reportCsv(report),
  async run(edge, { query, exchange }): Promise<Report & Own> {
    const { identity } = exchange;
    const days = daysOf(query, edge.clock);
    const own = ownOf(identity, query.of);
    const who = {
      orgId: identity.orgId,
      keyId: own.of === 'key' ? own.id : '',
      userId: own.of === 'user' ? own.id : '',
    };
    const request = { ...who, ...days, groupBy: query.group_by };
    const answer = await askLedger(edge, request, exchange.signal);
    return { ...reportOf(days, query.group_by, answer), ...own, limits: identity.plan.subjects.flatMap(limitsOf) };
  },
});

export function usage(app: FastifyInstance, edge: Edge): void {
  serve(app, edge, [ownUsage]);
}

interface Own {
  of: 'key' | 'user';
  id: string;
  limits: z.output<typeof limitSchema>[];
}

function ownOf({ keyId, userId }: Identity, of: Own['of']): Omit<Own, 'limits'> {
  const id = of === 'key' ? keyId : userId;
  if (id === '') throw invalid('of', `Invalid 'of': this credential belongs to no user.`);
  return { of, id };
}

/** The limits of a subject, by their names in headers and refusals. */
function limitsOf({ kind: scope, ...sizes }: limits.Subject): Own['limits'] {
  const named = {
    requests_per_minute: sizes.requestsPerMinute,
    requests_per_day: sizes.requestsPerDay,
    tokens_per_minute: sizes.tokensPerMinute,
    tokens_per_week: sizes.tokensPerWeek,
    tokens_per_month: sizes.tokensPerMonth,
    concurrent_requests: sizes.concurrentRequests,
    budget_usd_per_month: sizes.budgetMicrosPerMonth / 1e6,
  };
  // 0 is no limit.
  return Object.entries(named).flatMap(([name, limit]) => (limit > 0 ? [{ scope, name, limit }] : []));
}
