import { describe, expect, it } from '@jest/globals';
import { models } from '../models/model.ts';
import { modelSpecSchema } from '../models/model-spec.ts';
import type { Replica, World } from '../models/world.ts';
import { statusOf } from './status-of.ts';

const { apiVersion, kind } = models;
const spec = modelSpecSchema.parse({ source: { hub: { repo: 'm' } }, profiles: [{ name: 'p' }] });
const demand = { held: 0, running: 0, arrived: 0, lastUsedAt: 0, adapters: new Map(), outcomes: new Map() };

function statusWith(state: Replica['state'], sleep: 0 | 1 | 2) {
  const group = { revision: 'a', profile: 'p' };
  const one: Replica = { ...group, pod: 'm-1', node: 'n', state, reason: '', restarts: 0, createdAt: 0, adapters: [] };
  const model = { apiVersion, kind, metadata: { name: 'm' }, spec };
  const world: World = { now: 0, model, wanted: 'a', groups: [], replicas: [one], demand, badNodes: [] };
  return statusOf({
    ...{ world, trips: [], adapters: [], problem: undefined },
    scaling: { byProfile: new Map([['p', 1]]), desired: 1, mode: 'idle', reason: '', sleep },
    plan: { groups: [], shares: undefined, stable: 'a', phase: 'Steady', message: '' },
  });
}

describe('the status of a Model', () => {
  it.each([
    ['ready', 0, 'Ready', 'Serving'],
    ['starting', 0, 'Starting', 'Starting'],
    ['draining', 1, 'Sleeping', 'Sleeping'],
    ['asleep', 1, 'Sleeping', 'Sleeping'],
    ['draining', 0, 'Starting', 'Starting'],
  ] as const)('whose replica is %s, at level %s of sleep, is %s', (state, sleep, phase, reason) => {
    const status = statusWith(state, sleep);
    expect(status.phase).toBe(phase);
    expect(status.conditions?.[0]).toMatchObject({ type: 'Ready', reason });
  });
});
