import { newOrgSchema, orgChangeSchema } from '../../directory/schemas.ts';
import { listObject, listSchema } from './lists.ts';
import { operation } from './operation.ts';
import { byOrg, none, page } from './parameters.ts';
import { directoryOf } from './rooms.ts';
import { orgObject, orgSchema } from './shapes.ts';

const collection = '/admin/api/orgs';
const one = '/admin/api/orgs/{org}';

export const orgOperations = [
  operation({
    ...{ id: 'listOrgs', method: 'GET', path: collection, scope: 'org-admin' },
    summary: 'Organisations, by id; with the scope `org-admin` its own alone',
    ...{ params: none, query: page, body: none, response: listSchema(orgSchema), status: 200 },
    async run(edge, { query, exchange }) {
      return listObject(await directoryOf(edge).listOrgs(exchange.identity, query), orgObject);
    },
  }),
  operation({
    ...{ id: 'createOrg', method: 'POST', path: collection, scope: 'admin', summary: 'Make an organisation' },
    ...{ params: none, query: none, body: newOrgSchema, response: orgSchema, status: 201 },
    async run(edge, { body, exchange }) {
      return orgObject(await directoryOf(edge).createOrg(exchange.identity, body));
    },
  }),
  operation({
    ...{ id: 'getOrg', method: 'GET', path: one, scope: 'org-admin', summary: 'One organisation' },
    ...{ params: byOrg, query: none, body: none, response: orgSchema, status: 200 },
    async run(edge, { params, exchange }) {
      return orgObject(await directoryOf(edge).getOrg(exchange.identity, params.org));
    },
  }),
  operation({
    ...{ id: 'updateOrg', method: 'PATCH', path: one, scope: 'org-admin' },
    summary: 'Change an organisation. Its tier and limits, and whether it is disabled, need the scope `admin`',
    ...{ params: byOrg, query: none, body: orgChangeSchema, response: orgSchema, status: 200 },
    async run(edge, { params, body, exchange }) {
      return orgObject(await directoryOf(edge).updateOrg(exchange.identity, params.org, body));
    },
  }),
];
