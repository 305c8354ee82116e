import { newUserSchema, userChangeSchema } from '../../directory/schemas.ts';
import { listObject, listSchema } from './lists.ts';
import { operation } from './operation.ts';
import { byOrg, byUser, none, page } from './parameters.ts';
import { directoryOf } from './rooms.ts';
import { userObject, userSchema } from './shapes.ts';

const collection = '/admin/api/orgs/{org}/users';
const one = '/admin/api/orgs/{org}/users/{user}';

export const userOperations = [
  operation({
    ...{ id: 'listUsers', method: 'GET', path: collection, scope: 'org-admin', summary: 'Users, by id' },
    ...{ params: byOrg, query: page, body: none, response: listSchema(userSchema), status: 200 },
    async run(edge, { params, query, exchange }) {
      return listObject(await directoryOf(edge).listUsers(exchange.identity, params.org, query), userObject);
    },
  }),
  operation({
    ...{ id: 'createUser', method: 'POST', path: collection, scope: 'org-admin', summary: 'Make a user' },
    ...{ params: byOrg, query: none, body: newUserSchema, response: userSchema, status: 201 },
    async run(edge, { params, body, exchange }) {
      return userObject(await directoryOf(edge).createUser(exchange.identity, params.org, body));
    },
  }),
  operation({
    ...{ id: 'getUser', method: 'GET', path: one, scope: 'org-admin', summary: 'One user' },
    ...{ params: byUser, query: none, body: none, response: userSchema, status: 200 },
    async run(edge, { params, exchange }) {
      return userObject(await directoryOf(edge).getUser(exchange.identity, params.org, params.user));
    },
  }),
  operation({
    ...{ id: 'updateUser', method: 'PATCH', path: one, scope: 'org-admin' },
    summary: 'Change a user, or disable one with all keys of theirs',
    ...{ params: byUser, query: none, body: userChangeSchema, response: userSchema, status: 200 },
    async run(edge, { params, body, exchange }) {
      return userObject(await directoryOf(edge).updateUser(exchange.identity, params.org, params.user, body));
    },
  }),
];
