import { listObject, listSchema } from './lists.ts';
import { operation } from './operation.ts';
import { none, orgFilter, page } from './parameters.ts';
import { isPlatformAdmin } from './reach.ts';
import { directoryOf } from './rooms.ts';
import { auditObject, auditSchema } from './shapes.ts';

export const auditOperations = [
  operation({
    ...{ id: 'listAudit', method: 'GET', path: '/admin/api/audit', scope: 'org-admin' },
    summary: 'Who changed what, the newest first. The log only grows',
    ...{ params: none, query: page.extend(orgFilter), body: none, response: listSchema(auditSchema), status: 200 },
    async run(edge, { query: { org, ...cursor }, exchange: { identity } }) {
      const whose = org ?? (isPlatformAdmin(identity) ? undefined : identity.orgId);
      return listObject(await directoryOf(edge).listAudit(identity, whose, cursor), auditObject);
    },
  }),
];
