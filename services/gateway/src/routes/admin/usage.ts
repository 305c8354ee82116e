import { z } from 'zod';
import { askLedger } from '../usage/ask-ledger.ts';
import { daysOf, reportCsv, reportOf, reportQuery, reportSchema } from '../usage/report.ts';
import { operation } from './operation.ts';
import { none, orgFilter } from './parameters.ts';
import { directoryOf } from './rooms.ts';

const id = z.string().min(1).max(128);

export const usageOperations = [
  operation({
    id: 'getUsage',
    method: 'GET',
    path: '/admin/api/usage',
    scope: 'org-admin',
    summary: 'What an organisation used, by day, model, key and user',
    params: none,
    query: reportQuery(['day', 'model', 'key', 'user']).extend({
      org: orgFilter.org.describe("Absent: the credential's own organisation."),
      user: id.optional(),
      key: id.optional(),
    }),
    body: none,
    response: reportSchema.extend({ org: z.string() }),
    status: 200,
    csv: (report) => reportCsv(report),
    async run(edge, { query, exchange }) {
      const org = query.org ?? exchange.identity.orgId;
      await directoryOf(edge).getOrg(exchange.identity, org);
      const days = daysOf(query, edge.clock);
      const who = { orgId: org, userId: query.user ?? '', keyId: query.key ?? '' };
      const answer = await askLedger(edge, { ...who, ...days, groupBy: query.group_by }, exchange.signal);
      return { ...reportOf(days, query.group_by, answer), org };
    },
  }),
];
