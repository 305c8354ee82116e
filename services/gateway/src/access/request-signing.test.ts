import { createFakeClock } from '@flotilla/testkit';
import { describe, expect, it } from '@jest/globals';
import { ApiKeys } from './api-keys.ts';
import { keyRecord, memoryKeyStore } from './key-store.fixture.ts';
import { Nonces, type NonceStore } from './nonces.ts';
import { plansOf } from './plans.fixture.ts';
import { SignedRequests, signatureOf } from './request-signing.ts';
import { checkSignedBody, refuseUncheckedBody } from './signed-body.ts';
import { signedHeaders } from './signing.fixture.ts';
import { SigningSecrets } from './signing-secrets.ts';

const secrets = new SigningSecrets('a secret of at least 32 characters');
const clock = createFakeClock();

/** A store that all replicas share, and that can be away. */
function sharedNonces(): NonceStore & { down: boolean } {
  const seen = new Set<string>();
  return {
    down: false,
    async add(keyId, nonce) {
      if (this.down) throw new Error('connection refused');
      return !seen.has(`${keyId} ${nonce}`) && Boolean(seen.add(`${keyId} ${nonce}`));
    },
    sweep: async () => undefined,
  };
}

function replica(nonces: NonceStore | undefined = undefined, most?: number) {
  const store = memoryKeyStore();
  store.records.set('hash', keyRecord({ id: 'key_1', requireSignature: true }));
  const { plans } = plansOf('');
  const keys = new ApiKeys({ store, clock, plans, pepper: undefined, cacheSize: 10 });
  return new SignedRequests(keys, new Nonces(nonces, clock, most), secrets, clock);
}

const request = { keyId: 'key_1', secret: secrets.of('key_1'), method: 'POST', url: '/v1/x?a=1' };
let count = 0;
const sign = (fields: object = {}) =>
  signedHeaders({ ...request, now: clock.now(), nonce: `nonce-${(count += 1)}-0123456789`, ...fields });

describe('a signed request', () => {
  it('speaks for its key without showing it', async () => {
    expect(await replica().verify('POST', '/v1/x?a=1', sign())).toMatchObject({ keyId: 'key_1', orgId: 'acme' });
  });

  it('is signed as the guide says', () => {
    const parts = { method: 'GET', url: '/v1/models', timestamp: '1', nonce: 'n', contentSha256: 'd' };
    expect(signatureOf('s', parts)).toBe('d051431ef3d223603083c325875776177b9437b67223e0629eb2f03729986ccc');
  });

  it.each([
    ['of another method', 'GET', request.url, {}],
    ['of another query', 'POST', '/v1/x?a=2', {}],
    ['with another secret', 'POST', request.url, { secret: 'x' }],
    ['of a key that is not known', 'POST', request.url, { keyId: 'key_2', secret: secrets.of('key_2') }],
    ['from the past', 'POST', request.url, { now: clock.now() - 301_000 }],
    ['from the future', 'POST', request.url, { now: clock.now() + 302_000 }],
    ['with a short nonce', 'POST', request.url, { nonce: 'short' }],
  ])('%s is refused', async (_what, method, url, fields) => {
    await expect(replica().verify(method, url, sign(fields))).rejects.toMatchObject({ code: 'invalid_api_key' });
  });

  it('without one of its headers is refused by the name of that header', async () => {
    for (const name of Object.keys(sign())) {
      const headers: Record<string, string | undefined> = { ...sign(), [name]: undefined };
      await expect(replica().verify('POST', request.url, headers)).rejects.toThrow(name);
    }
  });

  it('that comes again is refused, here and by another replica', async () => {
    const shared = sharedNonces();
    const [one, other] = [replica(shared), replica(shared)];
    const headers = sign();
    await one.verify('POST', request.url, headers);
    await expect(one.verify('POST', request.url, headers)).rejects.toThrow('sent before');
    await expect(other.verify('POST', request.url, headers)).rejects.toThrow('sent before');
  });

  it('that comes twice at once is taken once', async () => {
    const one = replica(sharedNonces());
    const headers = sign();
    const answers = await Promise.allSettled([1, 2, 3].map(() => one.verify('POST', request.url, headers)));
    expect(answers.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  });

  it('is taken while the store is away, a replay not; once memory is full it says that it cannot know', async () => {
    const shared = sharedNonces();
    shared.down = true;
    const one = replica(shared, 2);
    const headers = sign();
    await one.verify('POST', request.url, headers);
    await expect(one.verify('POST', request.url, headers)).rejects.toThrow('sent before');
    await one.verify('POST', request.url, sign());
    await one.verify('POST', request.url, sign());
    await expect(one.verify('POST', request.url, headers)).rejects.toMatchObject({ code: 'unavailable' });
  });

  it('is refused where no secret is set to derive others from', async () => {
    const store = memoryKeyStore();
    const { plans } = plansOf('');
    const keys = new ApiKeys({ store, clock, plans, pepper: undefined, cacheSize: 1 });
    const off = new SignedRequests(keys, new Nonces(undefined, clock), undefined, clock);
    await expect(off.verify('POST', request.url, sign())).rejects.toThrow('off here');
  });
});

describe('the body of a signed request', () => {
  const digestOf = (body: string) => sign({ body })['x-flotilla-content-sha256'];
  const message = (headers: Record<string, string>) => ({ headers }) as never;

  it('is what was signed, or refused', () => {
    const good = { bodyDigest: digestOf('{"a":1}') };
    checkSignedBody(good, Buffer.from('{"a":1}'));
    refuseUncheckedBody(good, message({ 'content-length': '7' }));
    expect(() => checkSignedBody({ bodyDigest: digestOf('{"a":1}') }, Buffer.from('{"a":2}'))).toThrow('digest');
  });

  it('is not passed on unread', () => {
    const unread = (body: string, headers: Record<string, string>) => () =>
      refuseUncheckedBody({ bodyDigest: digestOf(body) }, message(headers));
    expect(unread('', {})).not.toThrow();
    expect(unread('', { 'content-length': '9' })).toThrow('JSON body');
    expect(unread('', { 'transfer-encoding': 'chunked' })).toThrow('JSON body');
    expect(unread('signed', {})).toThrow('JSON body');
    expect(() => refuseUncheckedBody({ bodyDigest: undefined }, message({ 'content-length': '9' }))).not.toThrow();
  });
});
