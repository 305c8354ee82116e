import { describe, expect, it } from '@jest/globals';
import { keptAnswer } from './answer-store.contract.fixture.ts';
import { RecentAnswers } from './recent-answers.ts';

const answer = (orgId: string, model = 'm', bytes = 10) => ({
  orgId,
  model,
  answer: keptAnswer(orgId),
  bytes,
  until: 100,
});

describe('answers in memory', () => {
  it('are never more bytes than the bound, and those used longest ago go', () => {
    const recent = new RecentAnswers(35);
    for (const key of ['a', 'b', 'c']) recent.set(key, answer('acme'));
    recent.get('acme', 'a', 0);
    recent.set('d', answer('acme'));
    expect(['a', 'b', 'c', 'd'].filter((key) => recent.get('acme', key, 0))).toEqual(['a', 'c', 'd']);
    recent.set('a', answer('acme', 'm', 20));
    expect(recent.bytes).toBeLessThanOrEqual(35);
    recent.set('huge', answer('acme', 'm', 36));
    expect(recent.bytes).toBe(0);
  });

  it('go when their time is over', () => {
    const recent = new RecentAnswers(35);
    recent.set('a', answer('acme'));
    expect(recent.get('acme', 'a', 99)).toBeDefined();
    expect(recent.get('acme', 'a', 100)).toBeUndefined();
    expect(recent.bytes).toBe(0);
  });

  it('are given to their own organisation only, whatever the key', () => {
    const recent = new RecentAnswers(35);
    recent.set('a', answer('acme'));
    expect(recent.get('rival', 'a', 0)).toBeUndefined();
    expect(recent.get('acme', 'a', 0)).toBeDefined();
  });

  it.each([
    [{ orgId: '', model: '' }, []],
    [{ orgId: 'acme', model: '' }, ['c']],
    [{ orgId: '', model: 'm' }, ['b']],
    [{ orgId: 'acme', model: 'm' }, ['b', 'c']],
  ])('are forgotten by %j, the others stay', (selection, left) => {
    const recent = new RecentAnswers(100);
    const owners = { a: 'acme', b: 'acme', c: 'rival' };
    recent.set('a', answer('acme', 'm'));
    recent.set('b', answer('acme', 'n'));
    recent.set('c', answer('rival', 'm'));
    recent.forget(selection);
    expect(Object.entries(owners).flatMap(([key, org]) => (recent.get(org, key, 0) ? [key] : []))).toEqual(left);
    expect(recent.bytes).toBe(left.length * 10);
  });
});
