import { describe, expect, it } from '@jest/globals';
import { generateRequest } from '../router.fixture.ts';
import { armAt, placeOf, runs, unitOf } from './assignment.ts';

const arms = [
  { name: 'old', weight: 90 },
  { name: 'new', weight: 10 },
];
const users = Array.from({ length: 10_000 }, (_, i) => `org user_${i}`);
const armOf = (experiment: string, user: string, some = arms) => armAt(some, placeOf(experiment, user)).name;

describe('who is in which arm', () => {
  it('is the same on every router, for ever', () => {
    // Fixed here: a change of the hash would move every user.
    expect(placeOf('x', 'acme ada')).toBeCloseTo(0.918695, 6);
    expect(users.every((user) => armOf('x', user) === armOf('x', user))).toBe(true);
  });

  it('follows the weights', () => {
    const share = users.filter((user) => armOf('x', user) === 'new').length / users.length;
    expect(Math.abs(share - 0.1)).toBeLessThan(0.01);
  });

  it('has nothing to do with the arms of another experiment', () => {
    const both = users.filter((user) => armOf('x', user) === 'new' && armOf('y', user) === 'new').length;
    expect(Math.abs(both / users.length - 0.01)).toBeLessThan(0.005);
  });

  it('stays for all but those who must move when weights change', () => {
    const wider = [
      { name: 'old', weight: 80 },
      { name: 'new', weight: 20 },
    ];
    const moved = users.filter((user) => armOf('x', user) !== armOf('x', user, wider));
    expect(moved.every((user) => armOf('x', user) === 'old')).toBe(true);
    expect(Math.abs(moved.length / users.length - 0.1)).toBeLessThan(0.01);
  });

  it('is never an arm without weight', () => {
    const off = [
      { name: 'old', weight: 1 },
      { name: 'new', weight: 0 },
    ];
    expect(armAt(off, 0.999999).name).toBe('old');
    expect(armAt([...off].reverse(), 0).name).toBe('old');
  });

  it('is decided by what the experiment keeps together, within an organisation', () => {
    const caller = { requestId: 'r', orgId: 'acme', userId: 'ada', keyId: 'k', tier: '', models: [] };
    const request = generateRequest({ caller, conversationId: 'c' });
    expect(unitOf('org', request)).toBe('acme');
    expect(unitOf('user', request)).toBe('acme ada');
    expect(unitOf('conversation', request)).toBe('acme c');
    expect(unitOf('user', generateRequest({ caller: { ...caller, userId: '' } }))).toBe('acme k');
    expect(unitOf('conversation', generateRequest({ caller }))).toBe('request r');
  });
});

it('an experiment runs from its beginning up to its end', () => {
  const experiment = { from: '2026-01-01T00:00:00Z', until: '2026-01-02T00:00:00Z' };
  const [from, until] = [Date.parse(experiment.from), Date.parse(experiment.until)];
  expect([from - 1, from, until - 1, until].map((now) => runs(experiment, now))).toEqual([false, true, true, false]);
  expect(runs({}, 0)).toBe(true);
});
