import { describe, expect, it } from '@jest/globals';
import { fakeReplicas, outcomeOf } from './replicas.fixture.ts';

const adapters = [
  { name: 'sql', path: '/sql', minReplicas: 3 },
  { name: 'law', path: '/law' },
];

describe('replicas that are too many', () => {
  it('go emptiest first, then those without an adapter of their own, then the youngest', async () => {
    const { pods, engine, replicas, state, group } = fakeReplicas({ adapters });
    engine('p1').running = 2;
    engine('p2').waiting = 1;
    for (const name of ['p1', 'p2', 'p3']) engine(name).adapters.set('sql', '/sql');
    engine('p4').adapters.set('law', '/law');
    await pods(5);
    const gone: string[][] = [];
    for (const count of [1, 2, 3, 4, 5]) {
      replicas.drained(group, count);
      gone.push(['p1', 'p2', 'p3', 'p4', 'p5'].filter((name) => state(name) === 'draining'));
    }
    expect(gone).toEqual([['p5'], ['p3', 'p5'], ['p3', 'p4', 'p5'], ['p2', 'p3', 'p4', 'p5'], expect.anything()]);
    await replicas.close();
  });

  it('go by the highest number where the cluster takes them so, however busy, and come back in that order', async () => {
    const { pods, engine, replicas, state, group } = fakeReplicas();
    engine('p3').running = 5;
    await pods(3, (name) => ({ name: name.replace('p', 'm-a-v1-') }));
    const draining = () => [1, 2, 3].filter((number) => state(`m-a-v1-${number}`) === 'draining');
    replicas.drained(group, 1, 'last');
    expect(draining()).toEqual([3]);
    replicas.drained(group, 2, 'last');
    expect(draining()).toEqual([2, 3]);
    replicas.drained(group, 1, 'last');
    expect(draining()).toEqual([3]);
    await replicas.close();
  });

  it('go at once where nothing runs on them, those of their own group only', async () => {
    const { pods, replicas, state } = fakeReplicas();
    await pods(3, (name) =>
      name === 'p1' ? { node: '', ip: '', ready: false } : name === 'p2' ? { revision: 'v2' } : {},
    );
    expect(replicas.drained({ revision: 'v1', profile: 'a' }, 1)).toEqual(['p1']);
    expect(state('p2')).toBe('ready');
    expect(state('p3')).toBe('ready');
    await replicas.close();
  });

  it('go from a node that is not to be trusted before emptier ones do', async () => {
    const { pods, engine, replicas, state, group } = fakeReplicas();
    engine('p1').running = 1;
    await pods(2, (name) => ({ node: name }));
    replicas.steer({ badNodes: [{ node: 'p1', reason: 'Xid 79' }] });
    replicas.drained(group, 1);
    expect(state('p1')).toBe('draining');
    await replicas.close();
  });

  it('get no new requests and are given out when they said that they are quiet, after all had heard', async () => {
    const { pods, replicas, view, clock, group, told } = fakeReplicas();
    await pods(1);
    expect(replicas.drained(group, 1)).toEqual([]);
    expect(view('p1')).toMatchObject({ state: 'stopped', reason: 'it drains', models: [] });
    await clock.advanceAsync(1_900);
    expect(replicas.drained(group, 1)).toEqual([]);
    const before = told.states;
    await clock.advanceAsync(1_300);
    expect(told.states).toBeGreaterThan(before);
    expect(replicas.drained(group, 1)).toEqual(['p1']);
    await replicas.close();
  });

  it('wait for what runs on them, until their time is over', async () => {
    const { pods, engine, replicas, clock, group } = fakeReplicas({ drainSeconds: 30 });
    engine('p1').running = 1;
    await pods(1);
    replicas.drained(group, 1);
    await clock.advanceAsync(29_000);
    expect(replicas.drained(group, 1)).toEqual([]);
    await clock.advanceAsync(1_000);
    expect(replicas.drained(group, 1)).toEqual(['p1']);
    await replicas.close();
  });

  it('that answer no more are not given out while the last they said was that requests run', async () => {
    const { pods, engine, replicas, clock, group } = fakeReplicas({ drainSeconds: 30 });
    engine('p1').running = 1;
    await pods(2);
    engine('p1').up = false;
    engine('p2').up = false;
    await clock.advanceAsync(5_000);
    replicas.drained(group, 2);
    expect(replicas.drained(group, 2)).toEqual(['p2']);
    await clock.advanceAsync(30_000);
    expect([...replicas.drained(group, 2)].sort()).toEqual(['p1', 'p2']);
    await replicas.close();
  });

  it('come back when they are too many no more', async () => {
    const { pods, replicas, state, group } = fakeReplicas();
    await pods(2);
    replicas.drained(group, 2);
    replicas.drained(group, 1);
    expect(['p1', 'p2'].filter((name) => state(name) === 'ready')).toHaveLength(1);
    replicas.drained(group, 0);
    expect(['p1', 'p2'].filter((name) => state(name) === 'ready')).toHaveLength(2);
    await replicas.close();
  });
});

describe('a request that comes while the last replica drains', () => {
  it('takes it back, and it is not put out of use again before that is known', async () => {
    const { pods, replicas, state, standIn, group, clock, told } = fakeReplicas();
    await pods(1);
    replicas.drained(group, 1);
    expect(standIn()?.activatable).toEqual(['m']);
    expect((await replicas.activate('m', new AbortController().signal)).id).toBe('default/p1');
    expect(told.demands).toBe(1);
    expect(replicas.drained(group, 1)).toEqual([]);
    expect(state('p1')).toBe('ready');
    await clock.advanceAsync(6_000);
    replicas.drained(group, 1);
    expect(state('p1')).toBe('draining');
    await replicas.close();
  });

  it('waits for another where it may be on its way out already', async () => {
    const { pods, replicas, clock, group, change, state } = fakeReplicas();
    await pods(1);
    replicas.drained(group, 1);
    await clock.advanceAsync(4_000);
    expect(replicas.drained(group, 1)).toEqual(['p1']);
    const outcome = outcomeOf(replicas.activate('m', new AbortController().signal));
    await clock.advanceAsync(1_000);
    expect([outcome(), state('p1')]).toEqual(['waiting', 'draining']);
    // The actor heard of it before it took the pod away.
    replicas.drained(group, 0);
    await clock.advanceAsync(10);
    expect(outcome()).toBe('default/p1');
    change('p1', { deleted: true });
    expect(state('p1')).toBe('ending');
    await replicas.close();
  });
});
