import { describe, expect, it } from '@jest/globals';
import { createFakeClock, createSeededRandom } from '@flotilla/testkit';
import { ProbeSchedule, type Pace } from './probe-schedule.ts';
import { replicaSettingsSchema } from './settings.ts';

function schedule() {
  const clock = createFakeClock();
  const settings = replicaSettingsSchema.parse({});
  const looks = { total: 0, atOnce: 0, most: 0 };
  const schedule = new ProbeSchedule({ clock, random: createSeededRandom(), settings });
  /** `ms`: what a look takes. */
  const add = (pace: Pace, ms = 0, counted = () => {}) =>
    schedule.add(async () => {
      counted();
      looks.total += 1;
      looks.most = Math.max(looks.most, (looks.atOnce += 1));
      if (ms > 0) await new Promise<void>((resolve) => clock.after(ms, resolve));
      looks.atOnce -= 1;
    }, pace);
  return { clock, looks, add };
}

describe('probes of pods', () => {
  it('come as often as the settings say, while there are few', async () => {
    const { clock, looks, add } = schedule();
    add('calm');
    await clock.advanceAsync(20_000);
    expect(looks.total).toBeGreaterThanOrEqual(9);
    expect(looks.total).toBeLessThanOrEqual(12);
  });

  it('of 2,000 pods are no more than 300 a second, and none is forgotten', async () => {
    const { clock, looks, add } = schedule();
    const seen = new Set<number>();
    for (let i = 0; i < 2_000; i += 1) add(i % 4 === 0 ? 'busy' : 'calm', 0, () => seen.add(i));
    clock.advance(10_000);
    await clock.advanceAsync(1);
    looks.total = 0;
    for (let second = 0; second < 20; second += 1) await clock.advanceAsync(1_000);
    expect(looks.total).toBeLessThanOrEqual(20 * 300 * 1.05);
    expect(looks.total).toBeGreaterThan(20 * 300 * 0.8);
    expect(seen.size).toBe(2_000);
  });

  it('of those that start are not slowed down by many calm ones', async () => {
    const { clock, add } = schedule();
    for (let i = 0; i < 2_000; i += 1) add('calm');
    let looks = 0;
    for (let i = 0; i < 20; i += 1) add('starting', 0, () => (looks += 1));
    await clock.advanceAsync(3_000);
    expect(looks).toBeGreaterThan(20 * 17);
  });

  it('are 64 at once at most, where pods do not answer', async () => {
    const { clock, looks, add } = schedule();
    for (let i = 0; i < 500; i += 1) add('busy', 1_000);
    await clock.advanceAsync(10_000);
    expect(looks.most).toBe(64);
  });

  it('follow a pod that begins to start at once, and stop with it', async () => {
    const { clock, looks, add } = schedule();
    const looking = add('off');
    await clock.advanceAsync(10_000);
    expect(looks.total).toBe(0);
    looking.pace('starting');
    await clock.advanceAsync(200);
    expect(looks.total).toBe(1);
    looking.soon();
    await clock.advanceAsync(0);
    expect(looks.total).toBe(2);
    looking.remove();
    await clock.advanceAsync(10_000);
    expect(looks.total).toBe(2);
    expect(clock.pending).toBe(0);
  });
});
