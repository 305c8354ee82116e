import { keyChangeBody, keyChangeOf, newKeyBody, newKeyOf, rotationBody } from './key-bodies.ts';
import { listObject, listSchema } from './lists.ts';
import { operation } from './operation.ts';
import { byKey, byOrg, none, page } from './parameters.ts';
import { directoryOf } from './rooms.ts';
import { createdKeyObject, createdKeySchema, keyObject, keySchema } from './shapes.ts';

const collection = '/admin/api/orgs/{org}/keys';
const one = '/admin/api/keys/{key}';

export const keyOperations = [
  operation({
    ...{ id: 'listKeys', method: 'GET', path: collection, scope: 'org-admin' },
    summary: 'Keys, the newest first, revoked ones included',
    ...{ params: byOrg, query: page, body: none, response: listSchema(keySchema), status: 200 },
    async run(edge, { params, query, exchange }) {
      return listObject(await directoryOf(edge).listKeys(exchange.identity, params.org, query), keyObject);
    },
  }),
  operation({
    ...{ id: 'createKey', method: 'POST', path: collection, scope: 'org-admin' },
    summary: 'Make a key. The answer holds the key itself, this once',
    ...{ params: byOrg, query: none, body: newKeyBody, response: createdKeySchema, status: 201 },
    async run(edge, { params, body, exchange }) {
      return createdKeyObject(await directoryOf(edge).createKey(exchange.identity, params.org, newKeyOf(body)));
    },
  }),
  operation({
    ...{ id: 'getKey', method: 'GET', path: one, scope: 'org-admin', summary: 'One key' },
    ...{ params: byKey, query: none, body: none, response: keySchema, status: 200 },
    async run(edge, { params, exchange }) {
      return keyObject(await directoryOf(edge).findKey(exchange.identity, params.key));
    },
  }),
  operation({
    ...{ id: 'updateKey', method: 'PATCH', path: one, scope: 'org-admin', summary: 'Change a key' },
    ...{ params: byKey, query: none, body: keyChangeBody, response: keySchema, status: 200 },
    async run(edge, { params, body, exchange: { identity } }) {
      const { orgId } = await directoryOf(edge).findKey(identity, params.key);
      return keyObject(await directoryOf(edge).updateKey(identity, orgId, params.key, keyChangeOf(body)));
    },
  }),
  operation({
    ...{ id: 'rotateKey', method: 'POST', path: `${one}/rotate`, scope: 'org-admin' },
    summary: 'A new key like this one, which goes on working for a while. The answer holds the new key, this once',
    ...{ params: byKey, query: none, body: rotationBody, response: createdKeySchema, status: 201 },
    async run(edge, { params, body, exchange: { identity } }) {
      const { orgId } = await directoryOf(edge).findKey(identity, params.key);
      const rotation = { overlapMs: body.overlap_seconds * 1_000 };
      return createdKeyObject(await directoryOf(edge).rotateKey(identity, orgId, params.key, rotation));
    },
  }),
  operation({
    ...{ id: 'revokeKey', method: 'POST', path: `${one}/revoke`, scope: 'org-admin' },
    summary: 'Refuse a key from now on, on every replica. Revoking twice is no error',
    ...{ params: byKey, query: none, body: none, response: keySchema, status: 200 },
    async run(edge, { params, exchange: { identity } }) {
      const { orgId } = await directoryOf(edge).findKey(identity, params.key);
      return keyObject(await directoryOf(edge).revokeKey(identity, orgId, params.key));
    },
  }),
];
