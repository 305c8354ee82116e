import { parsePlatformFile, tierSchema } from '@flotilla/kernel';
import { describe, expect, it } from '@jest/globals';
import { acme } from './key-store.fixture.ts';
import { plansOf } from './plans.fixture.ts';

const yaml = `
tiers:
  pro:
    requests_per_minute: 5
    tokens_per_minute: 500
    default_max_tokens: 77
    mode: lease
    priority: batch
    user: { requests_per_day: 10, tokens_per_week: 20 }
    org: { budget_usd_per_month: 12.5, concurrent_requests: 3 }
`;
const key = { id: 'key_1', keyLimits: {} };
const pro = { ...acme, tier: 'pro' };

describe('a plan', () => {
  it('counts against key, user and organisation, each with what its tier says and what stands in place of that', () => {
    const { plans } = plansOf(yaml);
    const member = {
      ...pro,
      userId: 'ann',
      userLimits: { tokens_per_week: 21 },
      orgLimits: { concurrent_requests: 4 },
    };
    const plan = plans.plan(member, { id: 'key_1', keyLimits: { tokens_per_minute: 501 } });
    const none = { requestsPerMinute: 0, requestsPerDay: 0, tokensPerMinute: 0, tokensPerWeek: 0, tokensPerMonth: 0 };
    const nothing = { ...none, concurrentRequests: 0, budgetMicrosPerMonth: 0 };
    expect(plan).toEqual({
      ...{ mode: 'lease', defaultMaxTokens: 77, priority: 'batch' },
      subjects: [
        { ...nothing, kind: 'key', id: 'key_1', requestsPerMinute: 5, tokensPerMinute: 501 },
        { ...nothing, kind: 'user', id: 'acme/ann', requestsPerDay: 10, tokensPerWeek: 21 },
        { ...nothing, kind: 'org', id: 'acme', concurrentRequests: 4, budgetMicrosPerMonth: 12_500_000 },
      ],
    });
  });

  it('has no user when the key is the organisation’s own', () => {
    const { plans } = plansOf(yaml);
    expect(plans.plan(pro, key).subjects.map(({ kind }) => kind)).toEqual(['key', 'org']);
  });

  it('limits who shows a token as its user, also by what the tier says of keys', () => {
    const { plans } = plansOf(yaml);
    const [user, org] = plans.plan({ ...pro, userId: 'ann' }, undefined).subjects;
    expect(user).toMatchObject({ kind: 'user', requestsPerMinute: 5, requestsPerDay: 10 });
    expect(org).toMatchObject({ kind: 'org', concurrentRequests: 3 });
  });

  it('is that of the settings when nobody defined the tier, whatever its name', () => {
    const { plans } = plansOf(yaml);
    for (const tier of ['gone', 'constructor']) {
      const plan = plans.plan({ ...acme, tier }, key);
      expect(plan).toMatchObject({ mode: 'strict', defaultMaxTokens: 4_096 });
      expect(plan.subjects[0]).toMatchObject({ requestsPerMinute: 600, tokensPerMinute: 1_000_000 });
      expect(plans.knows(tier)).toBe(false);
    }
  });

  it('follows the file and the database, which stands in place of the file’s as a whole', () => {
    const { plans, file } = plansOf(yaml);
    const limits = () => plans.plan(pro, key).subjects[0]!;
    const before = plans.version;
    plans.override(new Map([['pro', tierSchema.parse({ requests_per_day: 8 })]]));
    expect(limits()).toMatchObject({ requestsPerMinute: 0, requestsPerDay: 8 });
    plans.override(new Map());
    file.set(parsePlatformFile('tiers: { pro: { requests_per_minute: 6 } }'));
    expect(limits()).toMatchObject({ requestsPerMinute: 6, requestsPerDay: 0 });
    expect(plans.version).toBe(before + 3);
  });
});
