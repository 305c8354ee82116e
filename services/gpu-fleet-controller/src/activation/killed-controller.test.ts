import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { fleet } from '@flotilla/contracts';
import { systemClock, type ProviderConfig } from '@flotilla/kernel';
import { freePort, until } from '@flotilla/testkit';
import { startFleet, type TestFleet } from '../fleet.fixture.ts';
import { createProcessHost } from '../process-host.node.ts';
import { simServices } from '../sim-process.fixture.ts';
import { startController } from './controller-process.fixture.ts';

const { READY, STOPPED } = fleet.EngineState;

/** A controller reads its sources as they are, and engines are processes: seconds by themselves, far more on a crowded machine. Milliseconds. */
const startMs = 50_000;

let stateDir: string;
let controller: ChildProcess | undefined;
let running: TestFleet | undefined;

beforeEach(() => {
  stateDir = mkdtempSync(path.join(tmpdir(), 'fleet-'));
});

afterEach(async () => {
  controller?.kill('SIGKILL');
  // What is left behind is ended by a controller that does not know it.
  running ??= await startFleet([], { stateDir });
  await running.stop();
  running = undefined;
  rmSync(stateDir, { recursive: true });
});

interface Written {
  pid: number;
  startedAt: string;
  ready?: boolean;
}

function written(id: string): Written | undefined {
  const file = path.join(stateDir, 'engines.json');
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Record<string, Written>)[id] : undefined;
}

/** Nobody may have reaped what was orphaned: a pid alone says too little. */
const runs = ({ pid, startedAt }: Written) => createProcessHost({}, systemClock).runs(pid, startedAt);

/** What is written down becomes the engine only when it is told so; a controller that is killed before leaves nothing. */
function isEngine({ pid }: Written): boolean {
  return !existsSync('/proc') || readFileSync(`/proc/${pid}/cmdline`, 'utf8').startsWith(process.execPath);
}

/** Services whose engines outlive the controller that started them. */
function services(port: number, names: Record<string, string[]>): ProviderConfig {
  const provider = simServices(port, names);
  const left = (command: string[] = []) => command.filter((argument) => argument !== '--exit-with-parent');
  return { ...provider, services: provider.services!.map((one) => ({ ...one, command: left(one.command) })) };
}

/** Kills a controller at the moment when the service is, or is not yet, ready. */
async function killWhen(provider: ProviderConfig, model: string, ready: boolean): Promise<Written> {
  controller = startController(stateDir, provider, model);
  const id = `${provider.name}/${model}`;
  const left = await until(
    () => {
      const record = written(id);
      return record && (record.ready ?? false) === ready && isEngine(record) ? record : undefined;
    },
    { timeoutMs: startMs, everyMs: 5, what: `${model} to be ${ready ? 'ready' : 'started'}` },
  );
  controller.kill('SIGKILL');
  await once(controller, 'exit');
  expect(runs(left)).toBe(true);
  return left;
}

describe('a controller that was killed', () => {
  it('while a service was starting leaves nothing behind for the next one, which starts it anew', async () => {
    const port = await freePort();
    const slow = services(port, { a: ['--startup-ms', '600000'], b: [] });
    const left = await killWhen(slow, 'a', false);
    running = await startFleet([slow], { stateDir });
    expect([runs(left), written('local/a')]).toEqual([false, undefined]);
    expect(await running.autostart('vllm:a')).toMatchObject({ state: STOPPED, pid: 0 });
    expect((await running.activate('local', 'b', startMs)).state).toBe(READY);
  }, 180_000);

  it('while a service ran leaves it to the next one, which goes on with it and may end it for another', async () => {
    const provider = services(await freePort(), { a: [], b: [] });
    const left = await killWhen(provider, 'a', true);
    running = await startFleet([provider], { stateDir });
    expect(await running.reaches('local/a', READY)).toMatchObject({ models: [{ name: 'a' }, {}] });
    expect((await running.activate('local', 'a')).state).toBe(READY);
    expect(await running.autostart('vllm:a')).toMatchObject({ pid: left.pid, activeModel: 'a' });
    await running.activate('local', 'b', startMs);
    expect(runs(left)).toBe(false);
  }, 180_000);
});
