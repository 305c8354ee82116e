import { describe, expect, it } from '@jest/globals';
import type { ProviderConfig } from '@flotilla/kernel';
import { createFakeClock, type FakeClock } from '@flotilla/testkit';
import fc from 'fast-check';
import { fleetDefaults } from './config.ts';
import { Engine } from './engine.ts';
import { ProbeFailure } from './probe.ts';
import type { ProcessExit, ProcessHost } from './process-host.ts';
import { ProcessRecords } from './process-records.ts';

const provider: ProviderConfig = {
  ...{ name: 'e', kind: 'vllm', base_url: 'http://127.0.0.1:1/v1' },
  process: { command: ['engine'], env: {}, start_timeout_ms: 5_000, autostart: false },
};

/** Processes that take their time to end, and of which some heed no SIGTERM. */
function slowProcesses(clock: FakeClock, world: { stubborn: boolean }) {
  const alive = new Map<number, (exit: ProcessExit) => void>();
  let last = 0;
  const host: ProcessHost = {
    async spawn() {
      const pid = (last += 1);
      const ended = new Promise<ProcessExit>((resolve) => {
        alive.set(pid, (exit) => {
          alive.delete(pid);
          resolve(exit);
        });
      });
      const end = (signal: string) => alive.get(pid)?.({ code: null, signal });
      const signal = (name: 'SIGTERM' | 'SIGKILL') => {
        if (name === 'SIGKILL') end(name);
        else if (!world.stubborn) clock.after(300, () => end(name));
      };
      return { pid, startedAt: '1', ended, logTail: () => [], signal };
    },
    adopt: () => undefined,
    runs: () => false,
  };
  return { host, alive };
}

const step = fc.oneof(
  fc.constantFrom('start', 'stop', 'crash', 'well', 'ill', 'stubborn', 'meek'),
  fc.integer({ min: 0, max: 90_000 }),
);

describe('an engine through any order of starts, stops, crashes and silences', () => {
  it('never runs twice, ends as it was last asked to, and leaves no timer', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 25 }), fc.boolean(), async (steps, runs) => {
        const clock = createFakeClock();
        const world = { stubborn: false, well: true };
        const { host, alive } = slowProcesses(clock, world);
        const engine = new Engine({ id: provider.name, provider }, fleetDefaults, {
          ...{ clock, processes: host, records: new ProcessRecords(undefined), secret: () => undefined },
          async probe() {
            if (alive.size === 0 || !world.well) throw new ProbeFailure('silent');
            return { models: [], load: undefined };
          },
          changed: () => expect(alive.size).toBeLessThanOrEqual(1),
        });
        engine.open();
        const patience = new AbortController();
        const ask = (what: 'start' | 'stop') =>
          void (what === 'start' ? engine.start(patience.signal) : engine.stop()).catch(() => undefined);
        for (const one of steps) {
          if (typeof one === 'number') await clock.advanceAsync(one);
          else if (one === 'start' || one === 'stop') ask(one);
          else if (one === 'crash') for (const end of [...alive.values()]) end({ code: 1, signal: null });
          else if (one === 'well' || one === 'ill') world.well = one === 'well';
          else world.stubborn = one === 'stubborn';
          expect(alive.size).toBeLessThanOrEqual(1);
        }
        world.well = true;
        ask(runs ? 'start' : 'stop');
        await clock.advanceAsync(120_000);
        // A start adds nothing to one under way, and that one may be the last before the limit of crashes.
        if (runs && engine.view().reason.includes('stays down')) ask('start');
        await clock.advanceAsync(120_000);
        expect(engine.view().state).toBe(runs ? 'ready' : 'stopped');
        expect(alive.size).toBe(runs ? 1 : 0);

        patience.abort(new Error('the end'));
        const closed = engine.close();
        await clock.advanceAsync(60_000);
        await closed;
        expect(alive.size).toBe(0);
        expect(clock.pending).toBe(0);
      }),
      { numRuns: 150 },
    );
  });
});
