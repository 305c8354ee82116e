import { describe, expect, it } from '@jest/globals';
import type { Replica } from '../models/world.ts';
import { excessOf, replicasNow } from './removal.ts';

const replica = (pod: string, state: Replica['state'], more: Partial<Replica> = {}): Replica => ({
  ...{ pod, state, node: state === 'pending' ? '' : 'n1', reason: '', restarts: 0, createdAt: 1, adapters: [] },
  ...{ revision: 'r', profile: 'p' },
  ...more,
});

const now = (
  replicas: readonly Replica[],
  {
    wanted,
    current = replicas.length,
    drained = [],
    marked = drained,
    byOrdinal = false,
  }: {
    wanted: number;
    current?: number;
    drained?: string[];
    marked?: string[];
    byOrdinal?: boolean;
  },
) => replicasNow({ ...{ wanted, current, replicas, byOrdinal }, drained: new Set(drained), marked: new Set(marked) });

const three = ['a', 'b', 'c'].map((pod) => replica(pod, 'ready'));

describe('the replicas a workload may be set to', () => {
  it('are more at once', () => {
    expect(now(three, { wanted: 5 })).toBe(5);
  });

  it('are less only by as many as are drained', () => {
    expect(now(three, { wanted: 1 })).toBe(3);
    expect(now(three, { wanted: 1, drained: ['b'] })).toBe(2);
    expect(now(three, { wanted: 1, drained: ['b', 'c'] })).toBe(1);
    expect(now(three, { wanted: 2, drained: ['b', 'c'] })).toBe(2);
  });

  it('wait until the cluster knows which pod is to go', () => {
    expect(now(three, { wanted: 2, drained: ['b'], marked: [] })).toBe(3);
  });

  it('are less when the pod that would go has never served, drained or not', () => {
    const replicas = [...three, replica('new', 'pending'), replica('crash', 'failing')];
    expect(now(replicas, { wanted: 3, drained: ['a'] })).toBe(3);
    expect(now(replicas, { wanted: 1, drained: ['a'] })).toBe(2);
  });

  it('stay when the cluster would take one that may have requests instead', () => {
    expect(now([...three, replica('quiet', 'lost')], { wanted: 3, drained: ['a'] })).toBe(4);
  });

  it('count no pod that goes already', () => {
    const replicas = [...three, replica('going', 'ending')];
    expect(excessOf({ wanted: 3, replicas })).toBe(0);
    expect(now(replicas, { wanted: 3, current: 4 })).toBe(3);
  });

  it('never grow because somebody else took some away', () => {
    expect(now(three, { wanted: 1, current: 2 })).toBe(2);
  });

  it('of several hosts: go from the last on, and wait for it', () => {
    const groups = ['m-0', 'm-1', 'm-10'].map((pod) => replica(pod, 'ready'));
    expect(now(groups, { wanted: 2, drained: ['m-1'], byOrdinal: true })).toBe(3);
    expect(now(groups, { wanted: 2, drained: ['m-10'], marked: [], byOrdinal: true })).toBe(2);
  });
});
