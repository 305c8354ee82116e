import { describe, expect, it } from '@jest/globals';
import { createFakeClock } from '@flotilla/testkit';
import fc from 'fast-check';
import { FakeEngine } from './engine.fixture.ts';
import { Slot } from './slot.ts';
import type { OnDemand } from './unit.ts';

const patient = new AbortController().signal;

function address(onDemand: Partial<OnDemand> = {}) {
  const clock = createFakeClock();
  const world = { running: [] as string[] };
  const [a, b, c] = ['a', 'b', 'c'].map((id) => new FakeEngine(id, clock, world, onDemand)) as [
    FakeEngine,
    FakeEngine,
    FakeEngine,
  ];
  const slot = new Slot(clock);
  const order: string[] = [];
  /** Asks; what becomes of it is in `order`. */
  const ask = (engine: FakeEngine, signal: AbortSignal = patient) =>
    void slot.activate(engine, signal).then(
      () => order.push(engine.id),
      (error: Error) => order.push(`${engine.id}: ${error.message}`),
    );
  return { ...{ clock, world, a, b, c, slot, order, ask } };
}

describe('services that share an address', () => {
  it('start once for everyone who asks for the same', async () => {
    const { clock, a, order, ask } = address();
    for (let i = 0; i < 5; i += 1) ask(a);
    await clock.advanceAsync(1_000);
    expect(order).toEqual(['a', 'a', 'a', 'a', 'a']);
    ask(a);
    await clock.advanceAsync(0);
    expect(a.starts).toBe(1);
  });

  it('make room after their minimum time, and not while requests run on them', async () => {
    const { clock, world, a, b, order, ask } = address({ minUpMs: 10_000 });
    ask(a);
    await clock.advanceAsync(1_000);
    a.running = 1;
    ask(b);
    await clock.advanceAsync(9_900);
    expect(a.ready).toBe(true);
    await clock.advanceAsync(2_000);
    expect([a.ready, world.running]).toEqual([false, ['a']]);
    a.running = 0;
    await clock.advanceAsync(2_500);
    expect([order, world.running]).toEqual([['a', 'b'], ['b']]);
  });

  it('are cut off when what runs on them does not end in its time', async () => {
    const { clock, a, b, order, ask } = address({ drainMs: 3_000 });
    ask(a);
    await clock.advanceAsync(1_000);
    a.running = 1;
    ask(b);
    await clock.advanceAsync(2_900);
    expect(a.up).toBe(true);
    await clock.advanceAsync(2_200);
    expect(order).toEqual(['a', 'b']);
  });

  it('that tell nothing of their load keep what a router said it uses', async () => {
    const { clock, a, b, slot, order, ask } = address({ drainMs: 60_000 });
    a.running = undefined;
    ask(a);
    await clock.advanceAsync(1_000);
    ask(b);
    for (let i = 0; i < 4; i += 1) {
      slot.used(a);
      await clock.advanceAsync(5_000);
    }
    expect(a.up).toBe(true);
    await clock.advanceAsync(12_000);
    expect(order).toEqual(['a', 'b']);
  });

  it('take turns however much one of them is asked for', async () => {
    const { clock, a, b, order, ask } = address({ minUpMs: 4_000 });
    ask(a);
    await clock.advanceAsync(1_000);
    ask(b);
    for (let i = 0; i < 40; i += 1) {
      ask(a);
      await clock.advanceAsync(500);
    }
    expect(order.indexOf('b')).toBeGreaterThan(0);
    expect(order.slice(order.indexOf('b') + 1)).toContain('a');
    expect(a.starts + b.starts).toBeLessThanOrEqual(4);
  });

  it('stay when whoever wanted another one has left', async () => {
    const { clock, a, b, order, ask } = address();
    ask(a);
    await clock.advanceAsync(1_000);
    a.running = 1;
    const leaving = new AbortController();
    ask(b, leaving.signal);
    await clock.advanceAsync(1_000);
    expect(a.ready).toBe(false);
    leaving.abort(new Error('left'));
    await clock.advanceAsync(100);
    expect([a.ready, b.starts, order]).toEqual([true, 0, ['a', 'b: left']]);
  });

  it('go on starting when who asked has left, for those who ask then', async () => {
    const { clock, a, order, ask } = address();
    const leaving = new AbortController();
    ask(a, leaving.signal);
    await clock.advanceAsync(500);
    leaving.abort(new Error('left'));
    await clock.advanceAsync(100);
    ask(a);
    await clock.advanceAsync(400);
    expect([order, a.starts]).toEqual([['a: left', 'a'], 1]);
  });

  it('that do not start say why, are not tried again at once, and do not block the others', async () => {
    const { clock, a, b, order, ask } = address();
    a.broken = 'out of memory';
    ask(a);
    ask(b);
    await clock.advanceAsync(4_000);
    expect(order).toEqual(['a: out of memory', 'b']);
    ask(a);
    await clock.advanceAsync(0);
    expect([order.at(-1), a.starts]).toEqual(['a: out of memory', 1]);
    a.broken = undefined;
    await clock.advanceAsync(3_000);
    ask(a);
    await clock.advanceAsync(4_000);
    expect(order.at(-1)).toBe('a');
  });
});

describe('a service nobody uses', () => {
  it('is stopped after its time, and starts again when it is asked for', async () => {
    const { clock, a, order, ask } = address({ idleStopMs: 30_000 });
    ask(a);
    await clock.advanceAsync(30_000);
    expect(a.ready).toBe(true);
    await clock.advanceAsync(3_000);
    expect(a.up).toBe(false);
    ask(a);
    await clock.advanceAsync(1_000);
    expect(order).toEqual(['a', 'a']);
  });

  it('stays while requests run on it, also when they came at the last moment', async () => {
    const { clock, a, ask } = address({ idleStopMs: 30_000 });
    ask(a);
    await clock.advanceAsync(20_000);
    a.running = 1;
    await clock.advanceAsync(60_000);
    expect(a.up).toBe(true);
    a.running = 0;
    await clock.advanceAsync(60_000);
    expect(a.up).toBe(false);
  });

  it('is stopped also when it was away for a moment just then', async () => {
    const { clock, a, ask } = address({ idleStopMs: 30_000 });
    ask(a);
    await clock.advanceAsync(20_000);
    a.away = true;
    await clock.advanceAsync(15_000);
    a.away = false;
    await clock.advanceAsync(60_000);
    expect(a.up).toBe(false);
  });

  it('is there again for a request that comes while it is being stopped', async () => {
    const { clock, a, order, ask } = address({ idleStopMs: 30_000 });
    ask(a);
    for (const at of [30_020, 31_000, 31_500]) {
      await clock.advanceAsync(at - 30_000);
      ask(a);
    }
    await clock.advanceAsync(5_000);
    expect(order).toEqual(['a', 'a', 'a', 'a']);
  });
});

describe('any order of asking, leaving and breaking', () => {
  it('never runs two at one address, answers everyone, and leaves no timer', async () => {
    const step = fc.record({
      who: fc.integer({ min: 0, max: 2 }),
      what: fc.constantFrom('ask', 'ask', 'ask and leave', 'break', 'mend', 'load', 'unload', 'stop'),
      pause: fc.integer({ min: 0, max: 6_000 }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
        const { clock, world, a, b, c, slot, order, ask } = address({ idleStopMs: 20_000, minUpMs: 1_000 });
        let asked = 0;
        for (const { who, what, pause } of steps) {
          const engine = [a, b, c][who]!;
          const leaving = new AbortController();
          if (what.startsWith('ask')) {
            asked += 1;
            ask(engine, what === 'ask' ? patient : leaving.signal);
          } else if (what === 'break' || what === 'mend') engine.broken = what === 'break' ? 'broken' : undefined;
          else if (what === 'stop') void slot.stop(engine);
          else engine.running = what === 'load' ? 1 : 0;
          await clock.advanceAsync(pause / 2);
          leaving.abort(new Error('left'));
          await clock.advanceAsync(pause / 2);
          expect(world.running.length).toBeLessThanOrEqual(1);
        }
        for (const engine of [a, b, c]) {
          engine.running = 0;
          engine.broken = undefined;
        }
        await clock.advanceAsync(120_000);
        expect(order).toHaveLength(asked);
        expect(world.running).toEqual([]);
        await slot.close();
        expect(clock.pending).toBe(0);
      }),
      { numRuns: 100 },
    );
  });
});
