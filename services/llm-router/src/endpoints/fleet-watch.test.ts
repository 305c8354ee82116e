import { describe, expect, it } from '@jest/globals';
import { fleet } from '@flotilla/contracts';
import { createFakeClock } from '@flotilla/testkit';
import { FleetWatch } from './fleet-watch.ts';

const named = (id: string) => [fleet.Engine.fromPartial({ id })];

/** A fleet whose answers are given by hand. */
function watched() {
  const clock = createFakeClock();
  const asked: { resolve(engines: readonly fleet.Engine[]): void; reject(error: Error): void }[] = [];
  const taken: string[] = [];
  const watch = new FleetWatch(
    () => new Promise((resolve, reject) => asked.push({ resolve, reject })),
    (engines) => taken.push(engines.map((engine) => engine.id).join()),
    clock,
    10_000,
  );
  watch.start();
  return { clock, asked, taken, watch };
}

describe('the engines of the fleet', () => {
  it('are asked for until there is an answer, ever less often, and then at the interval', async () => {
    const { clock, asked, taken } = watched();
    const pauses: number[] = [];
    for (let i = 0; i < 7; i += 1) {
      asked.at(-1)!.reject(new Error('away'));
      let waited = 0;
      for (const before = asked.length; asked.length === before; waited += 500) await clock.advanceAsync(500);
      pauses.push(waited);
    }
    expect(pauses).toEqual([500, 1_000, 2_000, 4_000, 8_000, 10_000, 10_000]);
    asked.at(-1)!.resolve(named('a'));
    await clock.advanceAsync(9_999);
    expect(taken).toEqual(['a']);
    expect(asked).toHaveLength(8);
    await clock.advanceAsync(1);
    expect(asked).toHaveLength(9);
    asked.at(-1)!.reject(new Error('away'));
    await clock.advanceAsync(500);
    expect(asked).toHaveLength(10);
    expect(taken).toEqual(['a']);
  });

  it('are those of the last event, not of an answer that was asked for before it', async () => {
    const { clock, asked, taken, watch } = watched();
    watch.told(named('new'), '');
    asked[0]!.resolve(named('old'));
    await clock.advanceAsync(0);
    expect(taken).toEqual(['new']);
    await clock.advanceAsync(10_000);
    asked[1]!.resolve(named('newer'));
    await clock.advanceAsync(0);
    expect(taken).toEqual(['new', 'newer']);
  });

  it('are not asked for any more after the end', async () => {
    const { clock, asked, taken, watch } = watched();
    watch.stop();
    asked[0]!.resolve(named('late'));
    await clock.advanceAsync(60_000);
    expect(taken).toEqual([]);
    expect(asked).toHaveLength(1);
    expect(clock.pending).toBe(0);
  });
});
