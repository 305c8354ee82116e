import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { Clock } from '../clock.ts';
import { EngineMetrics } from '../metrics/engine-metrics.ts';
import { Scheduler, type SchedulerOptions } from './scheduler.ts';
import type { Job } from './sequence.ts';

/** A clock that runs what is due when it is moved. */
class HandClock implements Clock {
  private time = 0;
  private pending: { at: number; run: () => void }[] = [];

  now = () => this.time;
  monotonic = () => this.time;

  after(ms: number, run: () => void) {
    const entry = { at: this.time + ms, run };
    this.pending.push(entry);
    return { cancel: () => void (this.pending = this.pending.filter((other) => other !== entry)) };
  }

  advance(ms: number): void {
    const end = this.time + ms;
    for (;;) {
      const next = this.pending.filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)[0];
      if (!next) break;
      this.pending = this.pending.filter((other) => other !== next);
      this.time = next.at;
      next.run();
    }
    this.time = end;
  }
}

const defaults: SchedulerOptions = {
  maxNumSeqs: 8,
  maxWaiting: 100,
  numGpuBlocks: 100,
  blockSize: 16,
  prefixCaching: true,
  prefillTokensPerSecond: 1_000,
  decodeTokensPerSecond: 100,
  decodeSlowdown: 0,
  maxLoras: 1,
};

function engine(options: Partial<SchedulerOptions> = {}) {
  const clock = new HandClock();
  const metrics = new EngineMetrics();
  const scheduler = new Scheduler({ ...defaults, ...options }, metrics, clock);
  const submit = (fields: Partial<Job> = {}) => {
    const seen = { tokens: 0, done: false, cached: 0, aborted: false };
    const abort = scheduler.submit({
      promptTokens: 100,
      outputTokens: 10,
      promptBlocks: [],
      adapter: undefined,
      whole: false,
      finishReason: 'stop',
      onAdmitted: (cached) => (seen.cached = cached),
      onTokens(from, to, done) {
        expect(from).toBe(seen.tokens);
        seen.tokens = to;
        seen.done = done;
      },
      onAborted: () => (seen.aborted = true),
      allBlocks: () => fields.promptBlocks ?? [],
      ...fields,
    });
    return Object.assign(seen, { abort });
  };
  return { clock, metrics, scheduler, submit };
}

describe('the scheduler', () => {
  it('takes prefill and decode time as the rates say', () => {
    const { clock, submit } = engine();
    const seen = submit();
    clock.advance(95);
    expect(seen.tokens).toBe(0);
    clock.advance(10);
    expect(seen.tokens).toBe(1);
    clock.advance(45);
    expect(seen.tokens).toBe(6);
    clock.advance(60);
    expect(seen).toMatchObject({ tokens: 10, done: true });
  });

  it('slows everyone down as the batch grows', () => {
    const { clock, submit } = engine({ decodeSlowdown: 1, prefillTokensPerSecond: 0 });
    const both = [submit({ outputTokens: 100 }), submit({ outputTokens: 100 })];
    clock.advance(1_000);
    for (const { tokens } of both) expect(tokens).toBeLessThanOrEqual(52);
  });

  it('lets wait what finds no seat or no blocks, first come first served, and refuses past the bound', () => {
    const { clock, scheduler, submit } = engine({ maxNumSeqs: 1, maxWaiting: 2 });
    const first = submit();
    clock.advance(1);
    const second = submit();
    const third = submit();
    expect(submit().abort).toBeUndefined();
    expect(scheduler.load).toEqual({ running: 1, waiting: 2 });
    clock.advance(250);
    expect([first.done, second.done, third.done]).toEqual([true, false, false]);
    clock.advance(1_000);
    expect([second.done, third.done]).toEqual([true, true]);
  });

  it('skips the prefill of cached blocks, except of the last token', () => {
    const { clock, metrics, submit } = engine();
    const promptBlocks = [1, 2, 3, 4, 5, 6];
    submit({ promptTokens: 96, promptBlocks });
    clock.advance(1_000);
    const again = submit({ promptTokens: 96, promptBlocks });
    clock.advance(20);
    expect(again).toMatchObject({ cached: 80, tokens: 1 });
    expect([metrics.prefixCacheHits, metrics.prefixCacheQueries]).toEqual([80, 192]);
  });

  it('preempts the youngest when blocks run out, and still finishes it', () => {
    const { clock, metrics, scheduler, submit } = engine({ numGpuBlocks: 8, prefillTokensPerSecond: 0 });
    const old = submit({ promptTokens: 32, outputTokens: 60 });
    const young = submit({ promptTokens: 32, outputTokens: 60 });
    clock.advance(60_000);
    expect([old.done, young.done]).toEqual([true, true]);
    expect(metrics.preemptions).toBeGreaterThan(0);
    expect(scheduler.pool.usage).toBe(0);
  });

  it('runs no more adapters at once than it may', () => {
    const { clock, scheduler, submit } = engine();
    submit({ adapter: 'a' });
    const other = submit({ adapter: 'b' });
    clock.advance(50);
    expect([scheduler.adapters('running'), scheduler.adapters('waiting')]).toEqual([['a'], ['b']]);
    clock.advance(1_000);
    expect(other.done).toBe(true);
  });

  it('gives up everything when it falls asleep', () => {
    const { clock, scheduler, submit } = engine({ maxNumSeqs: 1 });
    const both = [submit(), submit()];
    clock.advance(50);
    scheduler.abortAll();
    expect(both.map(({ aborted }) => aborted)).toEqual([true, true]);
    expect(scheduler.load).toEqual({ running: 0, waiting: 0 });
    expect(scheduler.pool.usage).toBe(0);
  });

  it('finishes all that is not aborted and gives every block back, whatever comes', () => {
    const job = fc.record({
      tokens: fc.integer({ min: 1, max: 60 }),
      output: fc.integer({ min: 1, max: 60 }),
      family: fc.integer({ min: 0, max: 2 }),
      wait: fc.integer({ min: 0, max: 200 }),
      abort: fc.boolean(),
    });
    fc.assert(
      fc.property(
        fc.array(job, { maxLength: 20 }),
        fc.integer({ min: 8, max: 20 }),
        fc.constantFrom(0, 100),
        (jobs, numGpuBlocks, rate) => {
          const { clock, scheduler, submit } = engine({ numGpuBlocks, decodeTokensPerSecond: rate, maxNumSeqs: 4 });
          const all = jobs.map(({ tokens, output, family, wait, abort }) => {
            const promptBlocks = Array.from({ length: Math.floor(tokens / 16) }, (_, i) => family * 100 + i);
            const seen = submit({ promptTokens: tokens, outputTokens: output, promptBlocks });
            clock.advance(wait);
            if (abort) seen.abort!();
            expect(scheduler.pool.usage).toBeLessThanOrEqual(1);
            return { seen, output, abort };
          });
          clock.advance(600_000);
          for (const { seen, output, abort } of all) if (!abort) expect(seen.tokens).toBe(output);
          expect(scheduler.load).toEqual({ running: 0, waiting: 0 });
          expect(scheduler.pool.usage).toBe(0);
        },
      ),
      { numRuns: 60 },
    );
  });
});
