import { describe, expect, it } from '@jest/globals';
import { FlotillaError } from '@flotilla/kernel';
import { prometheusText } from '@flotilla/telemetry';
import { createFakeClock, createSeededRandom } from '@flotilla/testkit';
import { AdaptiveShedder, type Priority } from './shedder.ts';
import type { SheddingSettings } from './settings.ts';

const settings: SheddingSettings = {
  shedMinConcurrency: 8,
  shedMaxConcurrency: 2_000,
  shedTolerance: 2,
  shedTimelyMs: 300,
  shedBatchShare: 0.7,
};

interface Load {
  /** Chats that come in a second. */
  perSecond: number;
  seconds: number;
  priority?: Priority;
}

/** An engine of so many slots, each held for the prefill and the whole generation; the rest waits in a queue. */
function simulate({ slots = 32, prefillMs = 200, generationMs = 2_000, shedding = true } = {}) {
  const clock = createFakeClock();
  const random = createSeededRandom(7);
  const shedder = new AdaptiveShedder({ ...settings, clock, random });
  const engine = { prefillMs, generationMs, busy: 0, queue: [] as (() => void)[] };
  const serve = (): void => {
    while (engine.busy < slots && engine.queue.length > 0) {
      engine.busy += 1;
      engine.queue.shift()!();
    }
  };
  const run = ({ perSecond, seconds, priority = 'interactive' }: Load) => {
    const seen = { ttft: [] as number[], served: 0, shed: 0 };
    const arrive = () => {
      const at = clock.monotonic();
      let ticket: ReturnType<typeof shedder.enter> | undefined;
      try {
        if (shedding) ticket = shedder.enter(priority, 'm');
      } catch (error) {
        expect(error).toMatchObject({ code: 'overloaded' });
        seen.shed += 1;
        return;
      }
      engine.queue.push(() => {
        clock.after(engine.prefillMs * (0.8 + 0.4 * random.next()), () => {
          const ttftMs = clock.monotonic() - at;
          seen.ttft.push(ttftMs);
          ticket?.began?.(ttftMs);
          clock.after(engine.generationMs, () => {
            engine.busy -= 1;
            seen.served += 1;
            ticket?.leave({ ttftMs, failed: false });
            serve();
          });
        });
      });
      serve();
    };
    const end = clock.monotonic() + seconds * 1_000;
    while (clock.monotonic() < end) {
      clock.advance((-Math.log(1 - random.next()) * 1_000) / perSecond);
      arrive();
    }
    return seen;
  };
  return { clock, shedder, engine, run };
}

const p99 = (values: readonly number[]) => [...values].sort((a, b) => a - b)[Math.floor(values.length * 0.99)]!;

describe('shedding, simulated', () => {
  // 32 slots of 2.2 s serve 14.5 chats a second.
  it('refuses nothing while the engine keeps up', () => {
    const { run } = simulate();
    expect(run({ perSecond: 9, seconds: 300 }).shed).toBe(0);
  });

  it('keeps first tokens timely and the engine busy when twice as many come as it serves', () => {
    const { run } = simulate();
    run({ perSecond: 9, seconds: 60 });
    run({ perSecond: 29, seconds: 60 });
    const steady = run({ perSecond: 29, seconds: 300 });
    expect(p99(steady.ttft)).toBeLessThan(2_000);
    expect(steady.served / 300).toBeGreaterThan(0.85 * 14.5);

    const without = simulate({ shedding: false });
    expect(p99(without.run({ perSecond: 29, seconds: 300 }).ttft)).toBeGreaterThan(60_000);
  });

  it('does not take a long overload for usual', () => {
    const { run } = simulate();
    run({ perSecond: 9, seconds: 60 });
    run({ perSecond: 29, seconds: 600 });
    expect(p99(run({ perSecond: 29, seconds: 120 }).ttft)).toBeLessThan(2_500);
  });

  it('lets all in again when the load is gone', () => {
    const { run } = simulate();
    run({ perSecond: 9, seconds: 60 });
    run({ perSecond: 40, seconds: 120 });
    run({ perSecond: 9, seconds: 30 });
    expect(run({ perSecond: 9, seconds: 120 }).shed).toBe(0);
  });

  it('leaves a model alone that takes ten times as long under load, and still answers at once', () => {
    const { run, engine } = simulate({ slots: 500, prefillMs: 20 });
    run({ perSecond: 9, seconds: 60 });
    engine.prefillMs = 200;
    expect(run({ perSecond: 100, seconds: 60 }).shed).toBe(0);
  });

  it('takes long generations for what they are: no queue', () => {
    const { run, engine } = simulate({ slots: 2_000 });
    run({ perSecond: 9, seconds: 60 });
    engine.generationMs = 60_000;
    expect(run({ perSecond: 9, seconds: 600 }).shed).toBe(0);
  });

  it('serves a model that is slow from the start as any other', () => {
    const { run } = simulate({ slots: 500, prefillMs: 20_000 });
    expect(run({ perSecond: 9, seconds: 600 }).shed).toBe(0);
  });

  it('gets used to a model that became four times as slow, with all its slots', () => {
    const { run, engine, shedder } = simulate({ slots: 500 });
    run({ perSecond: 20, seconds: 120 });
    engine.prefillMs = 800;
    run({ perSecond: 20, seconds: 240 });
    expect(run({ perSecond: 20, seconds: 120 }).shed).toBe(0);
    expect(shedder.firstToken('m').recentMs).toBeGreaterThan(600);
  });

  it('refuses batch first', () => {
    const { run, clock, shedder } = simulate();
    run({ perSecond: 9, seconds: 60 });
    run({ perSecond: 29, seconds: 120 });
    const codes: string[] = [];
    for (let at = 0; at < 600; at += 1) {
      clock.advance(100);
      for (const priority of ['batch', 'interactive'] as const)
        if (shedder.refuses(priority, 'm')) codes.push(priority);
      run({ perSecond: 20, seconds: 0.1 });
    }
    const refused = (priority: Priority) => codes.filter((code) => code === priority).length;
    expect(refused('batch')).toBeGreaterThan(refused('interactive'));
  });
});

describe('the shedder', () => {
  const create = (over: Partial<SheddingSettings> = {}) => {
    const clock = createFakeClock();
    return { clock, shedder: new AdaptiveShedder({ ...settings, ...over, clock, random: createSeededRandom(1) }) };
  };

  it('keeps a share for interactive chats, and says when to come back', () => {
    const { shedder } = create({ shedMaxConcurrency: 10 });
    for (let taken = 0; taken < 7; taken += 1) shedder.enter('batch', 'm');
    const refusal = (priority: Priority) => {
      try {
        shedder.enter(priority, 'm');
        return undefined;
      } catch (error) {
        return error as FlotillaError;
      }
    };
    expect(refusal('batch')?.details.retryAfterMs).toBeGreaterThanOrEqual(5_000);
    for (let taken = 0; taken < 3; taken += 1) expect(refusal('interactive')).toBeUndefined();
    expect(refusal('interactive')).toMatchObject({ code: 'overloaded' });
    expect(refusal('interactive')!.details.retryAfterMs).toBeLessThanOrEqual(1_500);
    expect(prometheusText()).toMatch(/flotilla_gateway_shed_total\{priority="batch"\} [1-9]/);
  });

  it('gives back a place once, however often it is told', () => {
    const { shedder } = create({ shedMaxConcurrency: 1 });
    const ticket = shedder.enter('interactive', 'm');
    ticket.leave({ failed: true });
    ticket.leave({ failed: true });
    shedder.enter('interactive', 'm');
    expect(shedder.refuses('interactive', 'm')).toBe(true);
  });

  it('holds one model back and not another', () => {
    const { shedder } = create({ shedMaxConcurrency: 1 });
    shedder.enter('interactive', 'a');
    expect(() => shedder.enter('interactive', 'a')).toThrow(FlotillaError);
    expect(() => shedder.enter('interactive', 'b')).not.toThrow();
  });

  it('is not moved by failures that came at once, and is by those that came after a long wait', () => {
    const { shedder, clock } = create({ shedMaxConcurrency: 100 });
    const round = (waitMs: number, outcome: { ttftMs?: number; failed: boolean }) => {
      const tickets = Array.from({ length: 60 }, () => shedder.enter('interactive', 'm'));
      clock.advance(waitMs);
      for (const ticket of tickets) ticket.leave(outcome);
    };
    const free = () => {
      const tickets = [];
      while (!shedder.refuses('interactive', 'm')) tickets.push(shedder.enter('interactive', 'm'));
      for (const ticket of tickets) ticket.leave({ failed: false });
      return tickets.length;
    };
    for (let at = 0; at < 5; at += 1) round(1_100, { ttftMs: 100, failed: false });
    for (let at = 0; at < 5; at += 1) round(1, { failed: true });
    expect(free()).toBe(100);
    for (let at = 0; at < 2; at += 1) round(10_000, { failed: true });
    expect(free()).toBeLessThan(70);
  });

  it('is bounded, whatever models clients name', () => {
    const { shedder } = create();
    for (let at = 0; at < 2_000; at += 1) shedder.enter('interactive', `model-${at}`);
    const stop = shedder.observe();
    const series = prometheusText()
      .split('\n')
      .filter((line) => line.startsWith('flotilla_gateway_concurrency_limit{'));
    stop();
    expect(series.length).toBeLessThanOrEqual(513);
  });
});
