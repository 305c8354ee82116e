import { describe, expect, it } from '@jest/globals';
import { createFakeClock, createSeededRandom } from '@flotilla/testkit';
import fc from 'fast-check';
import { createWorkQueue, retryPauseMs } from './index.ts';

/** A queue whose work takes `takesMs` and throws for keys in `bad`; `runs` tells when what began. */
function queue({ workers = 4, takesMs = 0 } = {}) {
  const clock = createFakeClock();
  const runs: string[] = [];
  const bad = new Set<string>();
  const under = { way: 0, most: 0 };
  const work = createWorkQueue({
    name: 'test',
    workers,
    clock,
    random: createSeededRandom(),
    async work(key) {
      runs.push(`${key}@${clock.monotonic()}`);
      under.way += 1;
      under.most = Math.max(under.most, under.way);
      if (takesMs > 0) await new Promise<void>((resolve) => void clock.after(takesMs, resolve));
      under.way -= 1;
      if (bad.has(key)) throw new Error('not yet');
      return undefined;
    },
  });
  return { clock, runs, bad, under, work };
}

describe('a work queue', () => {
  it('works on a key once, however often it was added, and again when it was added meanwhile', async () => {
    const { clock, runs, work } = queue({ takesMs: 10 });
    work.add('a');
    work.add('a');
    await clock.advanceAsync(5);
    work.add('a');
    work.add('a');
    await clock.advanceAsync(100);
    expect(runs).toEqual(['a@0', 'a@10']);
  });

  it('works on so many at once, the oldest first', async () => {
    const { clock, runs, under, work } = queue({ workers: 2, takesMs: 10 });
    for (const key of ['a', 'b', 'c', 'd', 'e']) work.add(key);
    expect(work.depth).toBe(3);
    await clock.advanceAsync(100);
    expect(runs).toEqual(['a@0', 'b@0', 'c@10', 'd@10', 'e@20']);
    expect(under.most).toBe(2);
  });

  it('works on it later when asked to, the earliest counts, and one that comes now is enough', async () => {
    const { clock, runs, work } = queue();
    work.addAfter('a', 50);
    work.addAfter('a', 20);
    work.addAfter('a', 80);
    work.addAfter('b', 30);
    work.add('b');
    await clock.advanceAsync(200);
    expect(runs).toEqual(['b@0', 'a@20']);
    expect(clock.pending).toBe(0);
  });

  it('looks again when the work says so', async () => {
    const clock = createFakeClock();
    let runs = 0;
    const work = createWorkQueue({
      name: 'test',
      clock,
      work: async () => ((runs += 1) < 3 ? { againMs: 1_000 } : undefined),
    });
    work.add('a');
    await clock.advanceAsync(10_000);
    expect(runs).toBe(3);
  });

  it('tries what failed again, ever more rarely; others do not wait for it', async () => {
    const { clock, runs, bad, work } = queue({ workers: 1 });
    bad.add('a');
    work.add('a');
    work.add('b');
    await clock.advanceAsync(60_000);
    const tries = runs.filter((run) => run.startsWith('a')).length;
    expect(tries).toBeGreaterThanOrEqual(10);
    expect(tries).toBeLessThanOrEqual(13);
    expect(runs[1]).toBe('b@0');
    bad.clear();
    await clock.advanceAsync(300_000);
    const after = runs.length;
    await clock.advanceAsync(600_000);
    expect(runs.length).toBe(after);
  });

  it('tries what failed when it is added, but not in a tight loop', async () => {
    const { clock, runs, bad, work } = queue();
    bad.add('a');
    work.add('a');
    await clock.advanceAsync(120_000);
    const before = runs.length;
    for (let at = 0; at < 1_000; at += 1) {
      work.add('a');
      await clock.advanceAsync(10);
    }
    expect(runs.length - before).toBeGreaterThanOrEqual(9);
    expect(runs.length - before).toBeLessThanOrEqual(11);
  });

  it('lets what is under way finish when it drains, and tells it to end when it stops', async () => {
    const clock = createFakeClock();
    const seen: string[] = [];
    const work = createWorkQueue({
      name: 'test',
      clock,
      workers: 1,
      work: (key, signal) => {
        seen.push(key);
        return new Promise((resolve) => signal.addEventListener('abort', () => resolve()));
      },
    });
    for (const key of ['a', 'b']) work.add(key);
    let drained = false;
    const draining = work.drain().then(() => (drained = true));
    work.add('c');
    work.addAfter('d', 1);
    await clock.advanceAsync(1_000);
    expect(drained).toBe(false);
    await work.stop();
    await draining;
    expect(seen).toEqual(['a']);
  });

  it('never works on a key twice at once, and never forgets one that was added', async () => {
    const step = fc.record({
      key: fc.constantFrom('a', 'b', 'c'),
      wait: fc.nat(30),
      later: fc.nat(40),
      fails: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
        const clock = createFakeClock();
        const running = new Set<string>();
        const owed = new Set<string>();
        const failing = new Set<string>();
        const work = createWorkQueue({
          name: 'test',
          clock,
          workers: 2,
          random: createSeededRandom(),
          async work(key) {
            expect(running.has(key)).toBe(false);
            running.add(key);
            owed.delete(key);
            await new Promise<void>((resolve) => void clock.after(10, resolve));
            running.delete(key);
            if (failing.delete(key)) throw new Error('once');
          },
        });
        for (const { key, wait, later, fails } of steps) {
          owed.add(key);
          if (fails) failing.add(key);
          if (later > 20) work.addAfter(key, later);
          else work.add(key);
          await clock.advanceAsync(wait);
        }
        await clock.advanceAsync(10_000);
        expect([...owed, ...running]).toEqual([]);
        expect(clock.pending).toBe(0);
      }),
      { numRuns: 50 },
    );
  });

  it('pauses 25 ms at least and five minutes at most', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 5_000 }), fc.integer(), (failures, seed) => {
        const pause = retryPauseMs(failures, createSeededRandom(seed));
        expect(pause).toBeGreaterThanOrEqual(25);
        expect(pause).toBeLessThanOrEqual(300_000);
      }),
    );
  });
});
