import { openDatabase, type Database } from '@flotilla/database';
import { startTelemetry, type Telemetry } from '@flotilla/telemetry';
import { createFakeClock } from '@flotilla/testkit';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { WebSocket } from 'ws';
import { root, startReplica } from '../directory/directory.fixture.ts';
import type { NewKey } from '../directory/schemas.ts';
import type { Route } from '../http/server.ts';
import { devKey, startPlatform, type Platform } from '../platform.fixture.ts';
import { scopes, type Scope } from './identity.ts';
import { signedHeaders } from './signing.fixture.ts';
import { startIssuer, unsigned } from './tokens.fixture.ts';

const signingSecret = 'a secret of at least 32 characters';
/** Upgraded, so it is in no table of routes. */
const socketRoute: Route = { method: 'GET', url: '/v1/chat/ws', scope: 'inference' };
const requestBody = '{}';

/** What comes of a request: taken (whatever the handler then says), or how it is refused. */
type Outcome = 'taken' | 'unauthenticated' | 'forbidden' | 'no scope';
type Headers = Record<string, string>;

interface Credential {
  readonly name: string;
  headers(route: Route, url: string): Promise<Headers> | Headers;
  /** Of a route that is not open. */
  expected(scope: Scope): Outcome;
}

let database: Database;
let telemetry: Telemetry;
let platform: Platform;
let issuer: Awaited<ReturnType<typeof startIssuer>>;
let made: Awaited<ReturnType<typeof makeCredentials>>;
/** All that must stand in no log line and no answer. */
const told: string[] = [];
const seen: string[] = [];

beforeAll(async () => {
  telemetry = await startTelemetry({ service: 'gateway', logLevel: 'debug', logSink: (line) => void seen.push(line) });
  database = await openDatabase('pglite://memory');
  issuer = await startIssuer();
  const settings = { signingSecret, accessLog: true, failedKeysPerMinute: 1_000_000 };
  platform = await startPlatform(settings, { database, yaml: issuer.yaml(`, scopes: [${all.join(', ')}]`) });
  made = await makeCredentials();
});
afterAll(async () => {
  await platform.stop();
  await issuer.stop();
  await database.close();
  await telemetry.shutdown();
});

const all = [...scopes];
const bearer = (token: string): Headers => {
  told.push(token);
  return { authorization: `Bearer ${token}` };
};
const refused = () => 'unauthenticated' as const;
const held = (granted: readonly Scope[]) => (scope: Scope) =>
  granted.includes(scope) || (scope === 'org-admin' && granted.includes('admin')) ? 'taken' : 'no scope';

async function makeCredentials() {
  const clock = createFakeClock(Date.now());
  const { directory } = await startReplica({ database, clock, bus: platform.bus, config: { signingSecret } });
  for (const id of ['acme', 'closed']) await directory.createOrg(root, { id, name: id });
  const make = (fields: Partial<NewKey> = {}, orgId = 'acme') =>
    directory.createKey(root, orgId, { name: 'x', scopes: all, ...fields });
  const byScope = new Map<Scope, string>();
  for (const scope of scopes) byScope.set(scope, (await make({ scopes: [scope] })).secret);
  const revoked = await make();
  await directory.revokeKey(root, 'acme', revoked.key.id);
  const closed = await make({}, 'closed');
  await directory.disableOrg(root, 'closed');
  const signing = await make({ requireSignature: true });
  told.push(signing.signingSecret!);
  return {
    ...{ byScope, signing, revoked: revoked.secret, closed: closed.secret },
    expired: (await make({ expiresAt: 1 })).secret,
  };
}

let nonces = 0;
function signed(route: Route, url: string, fields: { now?: number; nonce?: string; secret?: string } = {}): Headers {
  const nonce = `a-nonce-of-its-own-${(nonces += 1)}`;
  const { key, signingSecret: secret } = made.signing;
  const body = route.method === 'GET' || route.method === 'DELETE' ? '' : requestBody;
  return signedHeaders({
    keyId: key.id,
    secret: secret!,
    method: route.method,
    url,
    now: Date.now(),
    nonce,
    body,
    ...fields,
  });
}

const token = async (claims: object = {}) => bearer(await issuer.sign(Date.now(), { scope: all.join(' '), ...claims }));

const credentials: Credential[] = [
  { name: 'nothing', headers: () => ({}), expected: refused },
  { name: 'a key that nobody has', headers: () => bearer('sk-fl-00000000000000000000000000000000'), expected: refused },
  { name: 'a scheme that is none of ours', headers: () => ({ authorization: `Basic ${devKey}` }), expected: refused },
  { name: 'the development key', headers: () => bearer(devKey), expected: () => 'taken' },
  ...scopes.map((scope) => ({
    name: `a key with the scope ${scope} alone`,
    headers: () => bearer(made.byScope.get(scope)!),
    expected: held([scope]),
  })),
  { name: 'a revoked key', headers: () => bearer(made.revoked), expected: refused },
  { name: 'an expired key', headers: () => bearer(made.expired), expected: refused },
  { name: 'a key of a disabled organisation', headers: () => bearer(made.closed), expected: () => 'forbidden' },
  { name: 'a key that must sign, shown', headers: () => bearer(made.signing.secret), expected: refused },
  { name: 'a token', headers: () => token(), expected: () => 'taken' },
  { name: 'a token without a scope of ours', headers: () => token({ scope: 'openid' }), expected: held([]) },
  { name: 'an expired token', headers: () => token({ exp: 1 }), expected: refused },
  { name: 'a token for another audience', headers: () => token({ aud: 'x' }), expected: refused },
  { name: 'a token of another organisation’s making', headers: () => token({ org_id: 'none' }), expected: refused },
  {
    name: 'a token that another key signed',
    headers: async () =>
      bearer(`${(await issuer.sign(Date.now())).split('.').slice(0, 2).join('.')}.${'A'.repeat(86)}`),
    expected: refused,
  },
  {
    name: 'a token that nobody signed',
    headers: () => bearer(unsigned({ iss: 'https://id.example', aud: 'flotilla', sub: 'ann', org_id: 'acme' })),
    expected: refused,
  },
  { name: 'a signature', headers: (route, url) => signed(route, url), expected: () => 'taken' },
  {
    name: 'a signature that was shown before',
    async headers(route, url) {
      const headers = signed(route, url);
      await ask(route, url, headers);
      return headers;
    },
    expected: refused,
  },
  {
    name: 'a stale signature',
    headers: (route, url) => signed(route, url, { now: Date.now() - 301_000 }),
    expected: refused,
  },
  { name: 'a signature of another URL', headers: (route) => signed(route, '/elsewhere'), expected: refused },
  {
    name: 'a signature with another secret',
    headers: (route, url) => signed(route, url, { secret: 'x' }),
    expected: refused,
  },
];

/** The paths of a route have this for each of their parameters: nothing that exists. */
const urlOf = ({ url }: Route) => url.replaceAll(/:[A-Za-z]+|\*/g, 'x');
const routes = () => [...platform.gateway.routes, socketRoute];

function ask(route: Route, url: string, headers: Headers, body?: string): Promise<Outcome> {
  return route === socketRoute ? askSocket(url, headers) : askHttp(route, url, headers, body);
}

async function askHttp({ method }: Route, url: string, headers: Headers, sent?: string): Promise<Outcome> {
  const body = sent ?? (method === 'GET' || method === 'DELETE' ? undefined : requestBody);
  const type: Headers = body === undefined ? {} : { 'content-type': 'application/json' };
  const response = await fetch(platform.url + url, { method, headers: { ...headers, ...type }, body: body ?? null });
  return outcomeOf(response.status, await response.text());
}

function askSocket(url: string, headers: Headers): Promise<Outcome> {
  const socket = new WebSocket(platform.url.replace('http', 'ws') + url, { headers });
  return new Promise((resolve, reject) => {
    socket.on('error', reject);
    socket.on('open', () => {
      socket.terminate();
      resolve('taken');
    });
    socket.on('unexpected-response', (_request, response) => {
      let text = '';
      response.on('data', (part: Buffer) => (text += part.toString()));
      response.on('end', () => resolve(outcomeOf(response.statusCode ?? 0, text)));
    });
  });
}

function outcomeOf(status: number, text: string): Outcome {
  seen.push(text);
  if (status === 401) return 'unauthenticated';
  if (status !== 403) return 'taken';
  return text.includes('This needs the scope') ? 'no scope' : 'forbidden';
}

describe('every route', () => {
  it('is in the table, each scope among them', () => {
    expect(routes().length).toBeGreaterThan(30);
    expect(new Set(routes().map(({ scope }) => scope))).toEqual(new Set([undefined, ...scopes]));
    const open = routes().filter(({ scope }) => scope === undefined);
    expect(open.map(({ url }) => url).filter((url) => !/^\/(v1\/)?(healthz|readyz|metrics)$/.test(url))).toEqual([]);
  });

  it.each(credentials)('meets $name as it should', async (credential) => {
    const wrong: string[] = [];
    for (const route of routes()) {
      const url = urlOf(route);
      const expected = route.scope === undefined ? 'taken' : credential.expected(route.scope);
      const outcome = await ask(route, url, await credential.headers(route, url));
      if (outcome !== expected) wrong.push(`${route.method} ${route.url}: ${outcome}, not ${expected}`);
    }
    expect(wrong).toEqual([]);
  });

  it('takes a signed request with the body that was signed and no other', async () => {
    const wrong: string[] = [];
    for (const route of platform.gateway.routes) {
      if (route.scope === undefined || route.method === 'GET') continue;
      const url = urlOf(route);
      const outcome = await ask(route, url, signed(route, url), '{"changed":1}');
      if (outcome !== 'unauthenticated') wrong.push(`${route.method} ${route.url}: ${outcome}`);
    }
    expect(wrong).toEqual([]);
  });

  it('takes no form with a signature: nobody would hold it against what was signed', async () => {
    const form = new FormData();
    form.set('purpose', 'assistants');
    form.set('file', new Blob(['text']), 'a.txt');
    const headers = signed({ method: 'GET', url: '', scope: 'files' }, '/v1/files');
    const response = await fetch(`${platform.url}/v1/files`, { method: 'POST', headers, body: form });
    expect(response.status).toBe(401);
  });

  it('has told no secret, in no answer and no line of the log', () => {
    expect(seen.filter((line) => line.includes('"scope":"gateway.access"')).length).toBeGreaterThan(500);
    expect(told.length).toBeGreaterThan(100);
    const text = seen.join('\n');
    expect([...new Set(told)].filter((secret) => text.includes(secret))).toEqual([]);
  });
});
