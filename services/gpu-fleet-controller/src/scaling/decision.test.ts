import { describe, expect, it } from '@jest/globals';
import { modelSpecSchema } from '../models/model-spec.ts';
import type { Replica, World } from '../models/world.ts';
import { createScaler } from './autoscaler.ts';

const begun = Date.UTC(2026, 0, 5);

function replica(pod: string, load: Replica['load'], part: Partial<Replica> = {}): Replica {
  const place = {
    revision: 'a',
    profile: 'p',
    pod,
    node: `node-${pod}`,
    state: 'ready',
    reason: '',
    restarts: 0,
  } as const;
  return {
    ...place,
    createdAt: begun - 900_000,
    readyAt: begun - 800_000,
    adapters: [],
    ...(load && { load }),
    ...part,
  };
}

/** Decides each second for a minute and a half of the same. */
function decided(part: Partial<World> & { scaling?: object; replicas: Replica[]; fixed?: number }, held = 0) {
  const { scaling = { minReplicas: 1, maxReplicas: 10 }, fixed, ...seen } = part;
  const source = { hub: { repo: 'm' } };
  const given = { source, profiles: [{ name: 'p' }], scaling, ...(fixed !== undefined && { replicas: fixed }) };
  const spec = modelSpecSchema.parse(given);
  const demand = { held, running: 0, arrived: 0, lastUsedAt: begun, adapters: new Map(), outcomes: new Map() };
  const group = { revision: 'a', profile: 'p', name: 'm-p-a', replicas: seen.replicas.length, createdAt: begun };
  const scaler = createScaler();
  const looks = Array.from({ length: 90 }, (_, second) =>
    scaler.decide({
      ...{ now: begun + second * 1_000, wanted: 'a', groups: [group], demand, badNodes: [] },
      model: { apiVersion: 'fleet.flotilla.dev/v1alpha1', kind: 'Model', metadata: { name: 'm' }, spec },
      ...seen,
    }),
  );
  return looks.at(-1)!;
}

describe('a decision', () => {
  const queued = { running: 4, waiting: 6, kvCacheUsage: 0.2 };

  it('says what asks for most, with its figures', () => {
    const { desired, reason } = decided({ replicas: [replica('a', queued), replica('b', queued)] });
    expect([desired, reason]).toEqual([3, 'queue 12 over 2 replicas, target 5 each: 3']);
  });

  it('adds a replica when caches are at their target, few as the requests may be', () => {
    const full = { running: 3, waiting: 0, kvCacheUsage: 0.8 };
    expect(decided({ replicas: [replica('a', full), replica('b', full)] }).desired).toBe(3);
  });

  it('takes a replica that tells nothing to be at its target', () => {
    const idle = { running: 0, waiting: 0, kvCacheUsage: 0 };
    expect(decided({ replicas: [replica('a', idle), replica('b', undefined)] }).desired).toBe(2);
  });

  it('keeps a fixed count whatever is asked', () => {
    const { desired, mode } = decided({ replicas: [replica('a', queued)], fixed: 4 }, 500);
    expect([desired, mode]).toEqual([4, 'fixed']);
  });

  it('says when it may not have what it wants', () => {
    const scaling = { minReplicas: 1, maxReplicas: 2 };
    const { desired, mode, reason } = decided({ scaling, replicas: [replica('a', queued), replica('b', queued)] });
    expect([desired, mode]).toEqual([2, 'limited']);
    expect(reason).toContain('wants 3, has 2 for now (at most 2)');
  });

  it('is held while the version that serves is tripped, but for one to try', () => {
    const trip = { kind: 'CrashLoop', revision: 'a', message: 'm-1 was restarted 5 times' } as const;
    const scaling = { maxReplicas: 10 };
    expect(decided({ scaling, replicas: [], trips: [trip] }, 9)).toMatchObject({
      desired: 0,
      mode: 'held',
      reason: trip.message,
    });
    expect(decided({ scaling, replicas: [], trips: [{ ...trip, halfOpen: true }] }, 90).desired).toBe(1);
  });

  it('does not count replicas on bad nodes', () => {
    const calm = { running: 20, waiting: 0, kvCacheUsage: 0.2 };
    const badNodes = [{ node: 'node-a', reason: 'Xid 79' }];
    expect(decided({ badNodes, replicas: [replica('a', calm), replica('b', calm)] }).desired).toBe(3);
  });

  it('keeps what there is when a schedule cannot be read, and says so', () => {
    const schedules = [{ name: 'night', start: 'now and then', durationMinutes: 5, minReplicas: 9 }];
    const calm = { running: 1, waiting: 0, kvCacheUsage: 0 };
    const { desired, reason } = decided({ scaling: { minReplicas: 1, schedules }, replicas: [replica('a', calm)] });
    expect(desired).toBe(1);
    expect(reason).toContain('schedule night');
  });
});
