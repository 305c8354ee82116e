import { describe, expect, it } from '@jest/globals';
import { modelSpecSchema } from '../models/model-spec.ts';
import type { Replica, World } from '../models/world.ts';
import { createBreaker } from './breaker.ts';

const begun = Date.UTC(2026, 0, 5);

function replica(part: Partial<Replica> = {}): Replica {
  const place = { revision: 'a', profile: 'p', pod: 'm-1', node: 'n-1', reason: '' } as const;
  return { ...place, state: 'ready', restarts: 0, createdAt: begun, adapters: [], readyAt: begun, ...part };
}

const looping = {
  state: 'failing',
  restarts: 3,
  readyAt: undefined,
  reason: 'CrashLoopBackOff (Error, exit code 1)',
} as unknown as Replica;

function world(replicas: Replica[], part: Partial<World> = {}): World {
  const spec = modelSpecSchema.parse({ source: { hub: { repo: 'm' } }, profiles: [{ name: 'p' }] });
  const demand = { held: 0, running: 0, arrived: 0, lastUsedAt: 0, adapters: new Map(), outcomes: new Map() };
  const model = { apiVersion: 'v1alpha1', kind: 'Model', metadata: { name: 'm' }, spec };
  return { now: begun, model, wanted: 'a', groups: [], replicas, demand, badNodes: [], ...part };
}

describe('the breaker', () => {
  it('trips on a version whose first replica is restarted again and again', () => {
    const trips = createBreaker().look(world([replica(looping)]));
    expect(trips).toEqual([{ kind: 'CrashLoop', revision: 'a', message: expect.stringContaining('3 times') }]);
  });

  it('leaves alone a version of which most replicas serve', () => {
    expect(createBreaker().look(world([replica(), replica(), replica(looping)]))).toEqual([]);
  });

  it('tells an image that cannot be had from a crash', () => {
    const image = { ...looping, restarts: 0, reason: 'ImagePullBackOff: not found' };
    expect(createBreaker().look(world([replica(image)]))).toMatchObject([{ kind: 'ImageError', revision: 'a' }]);
  });

  it('stops everything when half of the replicas are on bad nodes', () => {
    const badNodes = [{ node: 'n-1', reason: 'Xid 79' }];
    const there = [replica(), replica(), replica({ node: 'n-2' })];
    expect(createBreaker().look(world(there, { badNodes }))).toMatchObject([{ kind: 'NodeFault' }]);
    expect(createBreaker().look(world(there.slice(1), { badNodes }))).toEqual([]);
  });

  it('says that nothing finds a node only where nothing serves', () => {
    const pending = replica({ state: 'pending', reason: '0/3 nodes have a GPU' });
    const later = { now: begun + 400_000 };
    expect(createBreaker().look(world([pending], later))).toMatchObject([{ kind: 'Unschedulable' }]);
    expect(createBreaker().look(world([pending, replica()], later))).toEqual([]);
  });

  it('heals when a replica serves, and when the version is not asked for any more', () => {
    for (const after of [world([replica()]), world([], { wanted: 'b' })]) {
      const breaker = createBreaker();
      breaker.look(world([replica(looping)]));
      expect(breaker.look(after)).toEqual([]);
    }
  });

  it('lets one replica be tried after a while, and waits longer when that was for nothing', () => {
    const breaker = createBreaker();
    const halfOpen = (seconds: number) =>
      breaker.look(world([replica(looping)], { now: begun + seconds * 1_000 }))[0]!.halfOpen ?? false;
    expect([0, 59, 61, 119, 121, 200, 245].map(halfOpen)).toEqual([false, false, true, true, false, false, true]);
  });
});
