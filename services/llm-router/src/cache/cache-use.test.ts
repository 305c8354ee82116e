import { describe, expect, it } from '@jest/globals';
import { common } from '@flotilla/contracts';
import { cacheUse } from './cache-use.ts';
import { configured } from './cache.fixture.ts';

const use = (cache: object, asked = '', { orgId = 'acme', tier = 'pro', model = 'm' } = {}) => {
  const found = cacheUse(
    configured(cache),
    { cache: asked, caller: common.Caller.fromPartial({ orgId, tier }) },
    model,
  );

  return found && `${found.kind}${found.refresh ? ' anew' : ''}`;
};
const both = { allow: ['exact', 'semantic'] };

describe('whether a request has a cache', () => {
  it('it has none unless the file allows one, whatever it asks for', () => {
    for (const asked of ['', 'off', 'exact', 'semantic', 'refresh']) expect(use({}, asked)).toBeUndefined();
  });

  it.each([
    ['', undefined],
    ['off', undefined],
    ['exact', 'exact'],
    ['semantic', 'semantic'],
    ['refresh', 'semantic anew'],
  ])('where both kinds are allowed and none is usual, asking for "%s" gives %s', (asked, given) => {
    expect(use(both, asked)).toBe(given);
  });

  it('what is usual holds for who does not say, and for how an answer is renewed', () => {
    const usual = { ...both, default: 'exact' };
    expect(use(usual)).toBe('exact');
    expect(use(usual, 'refresh')).toBe('exact anew');
    expect(use(usual, 'off')).toBeUndefined();
  });

  it('a request gets no more than is allowed', () => {
    expect(use({ allow: ['exact'] }, 'semantic')).toBe('exact');
    expect(use({ allow: ['semantic'] }, 'exact')).toBe('exact');
  });

  it('an organisation, a tier or a model may open it', () => {
    const rule = { allow: ['exact'], default: 'exact' };
    expect(use({ orgs: { acme: rule } })).toBe('exact');
    expect(use({ orgs: { acme: rule } }, '', { orgId: 'rival' })).toBeUndefined();
    expect(use({ tiers: { pro: rule } })).toBe('exact');
    expect(use({ models: { m: rule } }, '', { model: 'n' })).toBeUndefined();
  });

  it('each of them may close it for all', () => {
    const open = { ...both, default: 'semantic' };
    for (const closed of [
      { orgs: { acme: { allow: [] } } },
      { tiers: { pro: { allow: [] } } },
      { models: { m: { allow: [] } } },
    ]) {
      expect(use({ ...open, orgs: { acme: both }, ...closed })).toBeUndefined();
    }
    expect(use({ ...open, orgs: { acme: both }, models: { m: { allow: ['exact'] } } })).toBe('exact');
  });

  it('the organisation has the first word on how long, then the tier', () => {
    const caller = common.Caller.fromPartial({ orgId: 'acme', tier: 'pro' });
    const config = configured({ ...both, ttl_s: 1, tiers: { pro: { ttl_s: 2 } }, orgs: { acme: { ttl_s: 3 } } });
    expect(cacheUse(config, { cache: 'exact', caller }, 'm')?.ttlMs).toBe(3_000);
    expect(cacheUse(config, { cache: 'exact', caller: { ...caller, orgId: 'x' } }, 'm')?.ttlMs).toBe(2_000);
    expect(cacheUse(config, { cache: 'exact', caller: { ...caller, orgId: 'x', tier: 'x' } }, 'm')?.ttlMs).toBe(1_000);
  });

  it('a request of nobody has none, and names that objects have by themselves are not rules', () => {
    expect(use(both, 'exact', { orgId: '' })).toBeUndefined();
    expect(use({}, 'exact', { orgId: 'constructor', tier: '__proto__', model: 'toString' })).toBeUndefined();
  });

  it('a word that is none is refused, with the words there are', () => {
    expect(() => use(both, 'on')).toThrow(
      expect.objectContaining({
        code: 'invalid_request',
        details: { param: 'cache' },
        message: expect.stringContaining('refresh'),
      }),
    );
  });
});
