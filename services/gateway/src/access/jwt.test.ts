import { liveValue, parsePlatformFile } from '@flotilla/kernel';
import { createFakeClock } from '@flotilla/testkit';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { exportSPKI, generateKeyPair, SignJWT } from 'jose';
import { defaults } from '../config.ts';
import { Tokens } from './jwt.ts';
import { acme, keyRecord, memoryKeyStore } from './key-store.fixture.ts';
import { Members } from './members.ts';
import { Plans } from './plans.ts';
import { startIssuer, unsigned } from './tokens.fixture.ts';

let issuer: Awaited<ReturnType<typeof startIssuer>>;
beforeEach(async () => {
  issuer = await startIssuer();
});
afterEach(() => issuer.stop());

const env = { TOKEN_SECRET: 'a shared secret of at least 32 bytes', SHORT: 'short' };

function setUp(yaml = issuer.yaml()) {
  const clock = createFakeClock();
  const store = memoryKeyStore();
  store.records.set('hash', keyRecord({ orgId: 'acme', tier: 'free' }));
  const file = liveValue(parsePlatformFile(`tiers: { pro: { requests_per_minute: 5 } }\n${yaml}`));
  const plans = new Plans(file, defaults);
  const members = new Members(store, clock, 10);
  const tokens = new Tokens({ file, env, clock, members, plans, cacheSize: 2 });
  return { clock, store, file, members, tokens };
}

const refusal = async (attempt: () => unknown) => {
  try {
    await attempt();
  } catch (error) {
    return error as { code: string; message: string };
  }
  return undefined;
};

describe('a token', () => {
  it('speaks for the user and the organisation it names, and costs one verification', async () => {
    const { clock, tokens } = setUp();
    const token = await issuer.sign(clock.now());
    const identity = await tokens.verify(token);
    expect(identity).toMatchObject({ orgId: 'acme', userId: 'ann', tier: 'free', models: undefined });
    expect(identity.scopes).toEqual(new Set(['inference', 'files', 'usage']));
    expect(identity.keyId).toMatch(/^jwt_[0-9a-f]{16}$/);
    expect(identity.plan.subjects.map(({ kind }) => kind)).toEqual(['user', 'org']);
    expect(tokens.verify(token)).toBe(identity);
    expect(issuer.state.fetches).toBe(1);
  });

  it('has the tier and the scopes it claims, of those there are', async () => {
    const { clock, tokens } = setUp();
    const pro = await tokens.verify(await issuer.sign(clock.now(), { tier: 'pro', scope: 'openid usage' }));
    expect([pro.tier, pro.scopes]).toEqual(['pro', new Set(['usage'])]);
    const unknown = await tokens.verify(await issuer.sign(clock.now(), { tier: 'gold', scope: 'openid' }));
    expect([unknown.tier, unknown.scopes]).toEqual(['free', new Set()]);
  });

  it('is allowed to no more than its issuer may grant', async () => {
    const scope = 'inference org-admin admin';
    const plain = setUp();
    const granted = await plain.tokens.verify(await issuer.sign(plain.clock.now(), { scope }));
    expect(granted.scopes).toEqual(new Set(['inference']));
    const trusted = setUp(issuer.yaml(', scopes: [inference, org-admin]'));
    const more = await trusted.tokens.verify(await issuer.sign(trusted.clock.now(), { scope }));
    expect(more.scopes).toEqual(new Set(['inference', 'org-admin']));
  });

  it('of an issuer that may speak for other organisations only is refused', async () => {
    const theirs = setUp(issuer.yaml(', orgs: [other]'));
    const refused = await refusal(async () => theirs.tokens.verify(await issuer.sign(theirs.clock.now())));
    expect(refused).toMatchObject({ code: 'invalid_api_key', message: expect.stringContaining('may not speak') });
    const ours = setUp(issuer.yaml(', orgs: [other, acme]'));
    expect(await ours.tokens.verify(await issuer.sign(ours.clock.now()))).toMatchObject({ orgId: 'acme' });
  });

  it.each([
    ['has expired', { exp: 1 }, 'expired'],
    ['is not good yet', { nbf: 99_999_999_999 }, "'nbf'"],
    ['is for somebody else', { aud: 'another' }, "'aud'"],
    ['is of another issuer', { iss: 'https://evil.example' }, 'issuer'],
    ['never expires', { exp: undefined as unknown as number }, "'exp'"],
    ['names no user', { sub: '' }, "'sub'"],
    ['names a user with blanks', { sub: 'a b' }, "'sub'"],
    ['names no organisation', { org_id: undefined }, "'org_id'"],
    ['names an organisation that is not known', { org_id: 'other' }, 'not known here'],
  ])('that %s is refused and not quoted', async (_what, claims, told) => {
    const { clock, tokens } = setUp();
    const token = await issuer.sign(clock.now(), claims);
    const refused = await refusal(() => tokens.verify(token));
    expect(refused).toMatchObject({ code: 'invalid_api_key', message: expect.stringContaining(told) });
    expect(refused!.message).not.toContain(token.split('.')[1]);
  });

  it('is taken within the skew of clocks and not after it, also while it is remembered', async () => {
    const { clock, tokens } = setUp();
    const token = await issuer.sign(clock.now());
    await tokens.verify(token);
    clock.advance(119_000);
    expect(await tokens.verify(token)).toMatchObject({ userId: 'ann' });
    clock.advance(1_000);
    expect(await refusal(() => tokens.verify(token))).toMatchObject({ message: expect.stringContaining('expired') });
  });

  it('that nobody signed, or somebody else, or that was changed is refused', async () => {
    const { clock, tokens } = setUp();
    const good = await issuer.sign(clock.now());
    const [head, body, signature] = good.split('.') as [string, string, string];
    const claims = JSON.parse(Buffer.from(body, 'base64url').toString()) as Record<string, unknown>;
    const changed = Buffer.from(JSON.stringify({ ...claims, org_id: 'other' })).toString('base64url');
    const { privateKey } = await generateKeyPair('ES256');
    const foreign = await new SignJWT({ ...claims }).setProtectedHeader({ alg: 'ES256', kid: 'one' }).sign(privateKey);
    for (const bad of [unsigned(claims), `${head}.${changed}.${signature}`, foreign, 'eyJ.eyJ.x']) {
      expect(await refusal(() => tokens.verify(bad))).toMatchObject({ code: 'invalid_api_key' });
    }
  });

  it('signed with the public key as if it were a shared secret is refused', async () => {
    const { clock, tokens } = setUp();
    const { publicKey } = await generateKeyPair('ES256', { extractable: true });
    const secret = new TextEncoder().encode(await exportSPKI(publicKey));
    const now = Math.floor(clock.now() / 1_000);
    const claims = { iss: 'https://id.example', aud: 'flotilla', sub: 'ann', org_id: 'acme', exp: now + 60 };
    const token = await new SignJWT(claims).setProtectedHeader({ alg: 'HS256', kid: 'one' }).sign(secret);
    expect(await refusal(() => tokens.verify(token))).toMatchObject({ message: expect.stringContaining('algorithm') });
  });

  it('is refused with its organisation', async () => {
    const { clock, store, members, tokens } = setUp();
    const token = await issuer.sign(clock.now());
    await tokens.verify(token);
    store.findMember = async () => ({ ...acme, userId: 'ann', disabled: 'organisation' });
    members.forget('acme');
    expect(await refusal(() => tokens.verify(token))).toMatchObject({ code: 'permission_denied' });
  });
});

describe('the keys of an issuer', () => {
  it('are fetched again for a key they do not have, and not for every token that invents one', async () => {
    const { clock, tokens } = setUp();
    await tokens.verify(await issuer.sign(clock.now()));
    await issuer.addKey('two');
    const token = await issuer.sign(clock.now(), {}, 'two');
    expect(await refusal(() => tokens.verify(token))).toMatchObject({
      message: expect.stringContaining('signed with'),
    });
    expect(issuer.state.fetches).toBe(1);
    clock.advance(10_000);
    expect(await tokens.verify(token)).toMatchObject({ userId: 'ann' });
    expect(issuer.state.fetches).toBe(2);
  });

  it('stay while the issuer is down; before the first time nothing can be known', async () => {
    const { clock, tokens } = setUp();
    issuer.state.down = true;
    const token = await issuer.sign(clock.now());
    expect(await refusal(() => tokens.verify(token))).toMatchObject({ code: 'unavailable' });
    issuer.state.down = false;
    clock.advance(10_000);
    await tokens.verify(token);
    issuer.state.down = true;
    clock.advance(400_000);
    expect(await tokens.verify(await issuer.sign(clock.now()))).toMatchObject({ userId: 'ann' });
  });

  it('that were withdrawn are felt within minutes, also by tokens that were verified before', async () => {
    const { clock, tokens } = setUp();
    const exp = Math.floor(clock.now() / 1_000) + 86_400;
    const token = await issuer.sign(clock.now(), { exp });
    await tokens.verify(token);
    await issuer.addKey('two');
    issuer.state.published.shift();
    clock.advance(300_000);
    await tokens.verify(await issuer.sign(clock.now(), {}, 'two'));
    expect(await refusal(() => tokens.verify(token))).toMatchObject({ code: 'invalid_api_key' });
  });
});

describe('an issuer with a shared secret', () => {
  const shared = (variable: string) =>
    `auth: { jwt: [{ issuer: app, audience: a, secret_env: X }, { issuer: app, audience: flotilla, secret_env: ${variable} }] }`;
  const sign = (now: number) =>
    new SignJWT({ iss: 'app', aud: 'flotilla', sub: 'ann', org_id: 'acme', exp: Math.floor(now / 1_000) + 60 })
      .setProtectedHeader({ alg: 'HS256' })
      .sign(new TextEncoder().encode(env.TOKEN_SECRET));

  it('is taken, each entry of its name tried', async () => {
    const { clock, tokens } = setUp(shared('TOKEN_SECRET'));
    expect(await tokens.verify(await sign(clock.now()))).toMatchObject({ userId: 'ann' });
  });

  it('whose secret is absent or short is not used, and the others are', async () => {
    const { clock, tokens } = setUp(shared('SHORT'));
    expect(await refusal(() => sign(clock.now()).then((token) => tokens.verify(token)))).toMatchObject({
      code: 'invalid_api_key',
    });
  });

  it('counts from the moment the file names it, and no longer than that', async () => {
    const { clock, file, tokens } = setUp('');
    const token = await sign(clock.now());
    expect(await refusal(() => tokens.verify(token))).toMatchObject({ code: 'invalid_api_key' });
    file.set(parsePlatformFile(shared('TOKEN_SECRET')));
    expect(await tokens.verify(token)).toMatchObject({ userId: 'ann' });
    file.set(parsePlatformFile(''));
    expect(await refusal(() => tokens.verify(token))).toMatchObject({ code: 'invalid_api_key' });
  });
});
