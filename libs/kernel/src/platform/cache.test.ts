import { describe, expect, it } from '@jest/globals';
import { cacheSchema } from './cache.ts';

describe('the section cache', () => {
  it('keeps nothing unless something is allowed', () => {
    expect(cacheSchema.parse(undefined)).toMatchObject({ allow: [], default: 'off', orgs: {}, tiers: {}, models: {} });
  });

  it('refuses to use by default what is not allowed', () => {
    const refused = cacheSchema.safeParse({ allow: ['exact'], default: 'semantic' });
    expect(refused.error?.issues).toMatchObject([{ path: ['default'] }]);
    expect(cacheSchema.safeParse({ allow: ['exact'], default: 'exact' }).success).toBe(true);
  });

  it.each([{ semantic: { threshold: 1.2 } }, { ttl_s: 0 }, { orgs: { acme: { on: true } } }])('refuses %j', (input) => {
    expect(cacheSchema.safeParse(input).success).toBe(false);
  });
});
