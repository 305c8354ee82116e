import { describe, expect, it } from '@jest/globals';
import { replay } from './replay.fixture.ts';
import { burstFromZero } from './traces/burst-from-zero.trace.ts';
import { diurnal } from './traces/diurnal.trace.ts';
import { longPrompts } from './traces/long-prompts.trace.ts';
import { metricsGap } from './traces/metrics-gap.trace.ts';
import { podLoss } from './traces/pod-loss.trace.ts';
import { sawtooth } from './traces/sawtooth.trace.ts';
import { schedule } from './traces/schedule.trace.ts';
import { slowRamp } from './traces/slow-ramp.trace.ts';
import { spike } from './traces/spike.trace.ts';
import { step } from './traces/step.trace.ts';
import { twoProfiles } from './traces/two-profiles.trace.ts';

/** Seconds to the first token that users are promised, 95 of 100. */
const promised = 2;

describe('given a step from 1 to 40 requests a second', () => {
  it.each([30, 300])('and a start of %i s, what is promised holds again 10 s after one start', (start) => {
    const { p95, replicaSeconds, bestReplicaSeconds } = replay(step(start));
    expect(p95(120 + start + 10, 900)).toBeLessThan(promised);
    expect(replicaSeconds / bestReplicaSeconds).toBeLessThan(1.4);
  });

  it('orders once for it, however long the start takes and the queue grows', () => {
    const { looks } = replay(step(300));
    const most = Math.max(...looks.map(({ decision }) => decision.desired));
    // Six carry the load; one more is kept busy by what queued.
    expect(most).toBeLessThanOrEqual(9);
  });
});

describe('given a load that follows the day', () => {
  it('keeps what is promised for about what the load itself costs', () => {
    const { p95, replicaSeconds, bestReplicaSeconds, turns } = replay(diurnal);
    expect(p95(0, diurnal.seconds)).toBeLessThan(promised);
    expect(replicaSeconds / bestReplicaSeconds).toBeLessThan(1.35);
    expect(turns).toBeLessThanOrEqual(4);
  });

  it('keeps up with a slow ramp without a queue', () => {
    const { p95, turns } = replay(slowRamp);
    expect(p95(0, slowRamp.seconds)).toBeLessThan(promised);
    expect(turns).toBe(0);
  });
});

describe('given a load that swings', () => {
  it('does not follow a sawtooth shorter than its windows', () => {
    const { changes, p95 } = replay(sawtooth);
    expect(changes).toBeLessThanOrEqual(2);
    expect(p95(60, sawtooth.seconds)).toBeLessThan(promised);
  });

  it('comes back from a spike', () => {
    const { wanted, turns } = replay(spike);
    expect(wanted(spike.seconds).desired).toBeLessThanOrEqual(2);
    expect(turns).toBeLessThanOrEqual(3);
  });
});

describe('given prompts that fill the cache with few requests', () => {
  it('adds replicas long before their batches are full', () => {
    const { p95, wanted } = replay(longPrompts);
    expect(wanted(290).desired).toBeGreaterThanOrEqual(3);
    expect(p95(400, longPrompts.seconds)).toBeLessThan(8);
  });
});

describe('given replicas that tell nothing', () => {
  it('keeps as many as there were', () => {
    const { looks } = replay(metricsGap);
    const inTheGap = looks.filter(({ at }) => at > 310 && at < 600).map(({ decision }) => decision.desired);
    expect(new Set(inTheGap).size).toBe(1);
  });
});

describe('given engines that die', () => {
  it('neither runs away nor gives up what serves', () => {
    const { looks, p95 } = replay(podLoss);
    const wanted = looks.map(({ decision }) => decision.desired);
    expect(Math.max(...wanted)).toBeLessThanOrEqual(5);
    expect(Math.min(...wanted)).toBeGreaterThanOrEqual(3);
    expect(p95(0, podLoss.seconds)).toBeLessThan(60);
  });
});

describe('given a Model at zero', () => {
  const replayed = replay(burstFromZero);

  it('starts replicas in the very look that finds a request held, and more as more are', () => {
    const first = replayed.looks.find(({ decision }) => decision.desired > 0)!;
    expect(first).toMatchObject({ at: expect.closeTo(120, -1), decision: { mode: 'activation' } });
    expect(replayed.wanted(150).desired).toBeGreaterThan(1);
  });

  it('sleeps lightly, then deeply, then goes, when nothing is asked any more', () => {
    const ladder = [520, 760, 1_100].map((at) => replayed.wanted(at));
    expect(ladder.map(({ sleep }) => sleep)).toEqual([1, 2, 0]);
    expect(ladder.map(({ desired }) => desired > 0)).toEqual([true, true, false]);
  });
});

describe('given two profiles', () => {
  it('fills the one whose token is cheaper to its cap, and takes the dearer away first', () => {
    const { looks, wanted } = replay(twoProfiles());
    const dear = looks.filter(({ decision }) => (decision.byProfile.get('strong') ?? 0) > 0);
    expect(dear.length).toBeGreaterThan(0);
    expect(dear[0]!.decision.byProfile.get('cheap')).toBe(4);
    expect(wanted(1_490).byProfile).toEqual(new Map(Object.entries({ cheap: 1, strong: 0 })));
  });

  it('orders the other where the cheap one finds no node', () => {
    const { wanted, p95 } = replay(twoProfiles(2));
    const { byProfile } = wanted(700);
    expect(byProfile.get('cheap')).toBeLessThanOrEqual(2);
    expect(byProfile.get('strong')).toBeGreaterThanOrEqual(2);
    expect(p95(600, 800)).toBeLessThan(promised);
  });
});

describe('given a schedule', () => {
  it('keeps what it says from its minute on, and lets go after it', () => {
    const { wanted } = replay(schedule);
    expect([590, 610, 1_190].map((at) => wanted(at).desired)).toEqual([1, 4, 4]);
    expect(wanted(610)).toMatchObject({ mode: 'schedule', reason: 'schedule shift keeps 4' });
    expect(wanted(schedule.seconds).desired).toBe(1);
  });
});

describe('given a controller that is begun anew or does not see', () => {
  const steady = { ...diurnal, seconds: 500, rate: () => 20, replicas: 4 };

  it('takes nothing away before a stable window is over', () => {
    const { looks } = replay({ ...steady, rate: () => 1, restarts: [150] });
    const after = looks.filter(({ at }) => at >= 150 && at < 208);
    expect(new Set(after.map(({ decision }) => decision.desired)).size).toBe(1);
  });

  it.each([
    ['nobody decides for two minutes', { blind: (at: number) => at > 100 && at < 220 }],
    ['its clock is set back an hour', { clock: (at: number, now: number) => (at > 100 ? now - 3_600_000 : now) }],
    ['its clock is set ahead an hour', { clock: (at: number, now: number) => (at > 100 ? now + 3_600_000 : now) }],
  ])('keeps what serves when %s', (_, trouble) => {
    const { looks } = replay({ ...steady, ...trouble });
    const wanted = looks.map(({ decision }) => decision.desired);
    expect(Math.min(...wanted)).toBeGreaterThanOrEqual(3);
    expect(Math.max(...wanted)).toBeLessThanOrEqual(5);
  });

  it('gives one reason while a calm load goes on', () => {
    const { looks } = replay({ ...steady, rate: () => 12, replicas: 2, seconds: 300 });
    const reasons = looks.filter(({ at }) => at > 60).map(({ decision }) => decision.reason);
    expect(new Set(reasons).size).toBeLessThanOrEqual(2);
  });
});
