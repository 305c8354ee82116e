import { describe, expect, it } from '@jest/globals';
import type { ProviderConfig } from '@flotilla/kernel';
import { createFakeClock } from '@flotilla/testkit';
import { fleetDefaults } from './config.ts';
import { Engine } from './engine.ts';
import { ProbeFailure, type ProbeAnswer } from './probe.ts';
import type { ProcessExit, ProcessHost } from './process-host.ts';
import { ProcessRecords } from './process-records.ts';

const near: ProviderConfig = { name: 'e', kind: 'vllm', base_url: 'http://127.0.0.1:1/v1' };
const far: ProviderConfig = { name: 'e', kind: 'openai' };
const local: ProviderConfig = {
  ...near,
  process: { command: ['engine'], env: {}, start_timeout_ms: 10_000, autostart: true },
};

/** Processes that end when the test says so. */
function fakeProcesses() {
  const ends: ((exit: ProcessExit) => void)[] = [];
  const host: ProcessHost = {
    async spawn() {
      let end!: (exit: ProcessExit) => void;
      const ended = new Promise<ProcessExit>((resolve) => (end = resolve));
      ends.push(end);
      const signal = (name: string) => end({ code: null, signal: name });
      return { pid: ends.length, startedAt: '1', ended, logTail: () => ['out of memory'], signal };
    },
    adopt: () => undefined,
    runs: () => false,
  };
  return { host, ends };
}

function watched(provider: ProviderConfig) {
  const clock = createFakeClock();
  const { host, ends } = fakeProcesses();
  const seen = { probes: 0, changes: [] as string[], answer: { models: [], load: undefined } as ProbeAnswer | string };
  const engine = new Engine({ id: provider.name, provider }, fleetDefaults, {
    ...{ clock, processes: host, records: new ProcessRecords(undefined), secret: () => undefined },
    async probe() {
      seen.probes += 1;
      if (typeof seen.answer === 'string') throw new ProbeFailure(seen.answer);
      return seen.answer;
    },
    changed: (what) => void seen.changes.push(what),
  });
  engine.open();
  return { clock, engine, seen, ends, state: () => engine.view().state };
}

describe('an engine that is only probed', () => {
  it('stays ready over one lost probe and is unhealthy after the second', async () => {
    const { clock, seen, state, engine } = watched(near);
    await clock.advanceAsync(0);
    expect(state()).toBe('ready');
    seen.answer = 'lost';
    await clock.advanceAsync(1_000);
    expect(state()).toBe('ready');
    await clock.advanceAsync(1_000);
    expect(engine.view()).toMatchObject({ state: 'unhealthy', reason: 'lost' });
  });

  it('is asked less and less often while it is away, and found within 5 s of its return', async () => {
    const { clock, seen, state } = watched(near);
    seen.answer = 'away';
    await clock.advanceAsync(3_600_000);
    expect(seen.probes).toBeLessThan(3_600 / 4);
    seen.answer = { models: [], load: undefined };
    await clock.advanceAsync(5_000);
    expect(state()).toBe('ready');
  });

  it('on the internet is asked every half minute, and at most every five while it is away', async () => {
    const { clock, seen } = watched(far);
    await clock.advanceAsync(10 * 60_000);
    expect(seen.probes).toBe(21);
    seen.answer = 'away';
    await clock.advanceAsync(60_000 * 60 * 10);
    const before = seen.probes;
    await clock.advanceAsync(60 * 60_000);
    expect(seen.probes - before).toBe(12);
  });

  it('tells of models and load when they change and not when they do not', async () => {
    const { clock, seen } = watched(near);
    await clock.advanceAsync(0);
    seen.changes = [];
    await clock.advanceAsync(5_000);
    expect(seen.changes).toEqual([]);
    seen.answer = { models: [], load: { running: 1, waiting: 0, kvCacheUsage: 0.5 } };
    await clock.advanceAsync(2_000);
    seen.answer = { ...seen.answer, models: [{ name: 'm', capabilities: [] }] };
    await clock.advanceAsync(2_000);
    expect(seen.changes).toEqual(['load', 'state']);
  });

  it('keeps its models when it would not list them', async () => {
    const { clock, seen, engine } = watched(near);
    seen.answer = { models: [{ name: 'm', capabilities: [] }], load: undefined };
    await clock.advanceAsync(0);
    seen.answer = { models: undefined, load: undefined };
    await clock.advanceAsync(2_000);
    expect(engine.view()).toMatchObject({ state: 'ready', models: [{ name: 'm' }] });
  });

  it('leaves no timer behind', async () => {
    const { clock, engine } = watched(near);
    await clock.advanceAsync(10_000);
    await engine.close();
    await clock.advanceAsync(10_000);
    expect(clock.pending).toBe(0);
  });
});

describe('an engine whose process crashes', () => {
  it('starts again after 0.5, 1, 2 and 4 s, then stays down and says why', async () => {
    const { clock, engine, seen, ends, state } = watched(local);
    seen.answer = 'not yet';
    for (const pause of [500, 1_000, 2_000, 4_000]) {
      await clock.advanceAsync(0);
      ends.at(-1)!({ code: 1, signal: null });
      await clock.advanceAsync(pause - 1);
      expect(state()).toBe('unhealthy');
      expect(engine.view().reason).toBe(
        `the process exited with 1 ("out of memory"); it starts again in ${pause / 1_000} s`,
      );
      await clock.advanceAsync(1);
      expect(state()).toBe('starting');
    }
    ends.at(-1)!({ code: 1, signal: null });
    await clock.advanceAsync(3_600_000);
    expect(ends).toHaveLength(5);
    expect(engine.view()).toMatchObject({ state: 'stopped', reason: expect.stringContaining('crashed 5 times') });
  });

  it('does not show what it wrote once it has served: a prompt may be in it', async () => {
    const { clock, engine, ends, state } = watched(local);
    await clock.advanceAsync(0);
    expect(state()).toBe('ready');
    ends[0]!({ code: null, signal: 'SIGKILL' });
    await clock.advanceAsync(0);
    expect(engine.view().reason).toBe('the process was ended by SIGKILL; it starts again in 0.5 s');
  });

  it('may crash now and then for ever: only crashes within the window count', async () => {
    const { clock, ends, state } = watched(local);
    for (let round = 0; round < 10; round += 1) {
      await clock.advanceAsync(100_000);
      expect(state()).toBe('ready');
      ends.at(-1)!({ code: 1, signal: null });
    }
    await clock.advanceAsync(60_000);
    expect(state()).toBe('ready');
  });
});
