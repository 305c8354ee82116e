import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { fleet } from '@flotilla/contracts';
import { systemClock, type ProviderConfig } from '@flotilla/kernel';
import { freePort, until } from '@flotilla/testkit';
import { isAlive, startFleet, type TestFleet } from './fleet.fixture.ts';
import { createProcessHost } from './process-host.node.ts';
import { fingerprint, ProcessRecords } from './process-records.ts';
import { simProvider } from './sim-process.fixture.ts';

let stateDir: string;
let running: TestFleet | undefined;

beforeEach(() => {
  stateDir = mkdtempSync(path.join(tmpdir(), 'fleet-'));
});

afterEach(async () => {
  await running?.stop();
  running = undefined;
  rmSync(stateDir, { recursive: true });
});

/** Leaves behind what a controller that was killed leaves: a process, and its record. */
async function leaveBehind(provider: ProviderConfig): Promise<number> {
  const child = await createProcessHost(process.env, systemClock).spawn(provider.process!);
  const { pid, startedAt } = child;
  new ProcessRecords(stateDir).set(provider.name, { pid, startedAt, fingerprint: fingerprint(provider.process!) });
  return pid;
}

describe('a controller that starts after one that was killed', () => {
  it('takes over the engine that still runs instead of loading it again, and looks after it', async () => {
    const provider = simProvider(await freePort());
    const pid = await leaveBehind(provider);
    running = await startFleet([provider], { stateDir });
    await running.reaches('sim', fleet.EngineState.READY);
    const record = () => JSON.parse(readFileSync(path.join(stateDir, 'engines.json'), 'utf8')).sim;
    expect(record().pid).toBe(pid);
    process.kill(pid, 'SIGKILL');
    await until(() => record() !== undefined && record().pid !== pid, { timeoutMs: 15_000 });
    await running.reaches('sim', fleet.EngineState.READY);
  });

  it('ends the engine that the configuration no longer names', async () => {
    const pid = await leaveBehind(simProvider(await freePort()));
    running = await startFleet([], { stateDir });
    await until(() => !isAlive(pid), { timeoutMs: 10_000 });
  });

  it('leaves a process alone that only has the pid of one it once started', async () => {
    const stranger = spawn(process.execPath, ['-e', 'setInterval(() => undefined, 1000)'], { stdio: 'ignore' });
    try {
      const provider = simProvider(await freePort());
      new ProcessRecords(stateDir).set('sim', {
        ...{ pid: stranger.pid!, startedAt: '1' },
        fingerprint: fingerprint(provider.process!),
      });
      running = await startFleet([], { stateDir });
      expect(isAlive(stranger.pid!)).toBe(true);
    } finally {
      stranger.kill('SIGKILL');
    }
  });
});
