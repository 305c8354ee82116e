import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { fleet } from '@flotilla/contracts';
import { freePort, until } from '@flotilla/testkit';
import { isAlive, startFleet, type TestFleet } from './fleet.fixture.ts';
import { simProvider } from './sim-process.fixture.ts';

const { READY, STOPPED, STARTING, UNHEALTHY } = fleet.EngineState;

let running: TestFleet | undefined;
let stateDir: string;

beforeEach(() => {
  stateDir = mkdtempSync(path.join(tmpdir(), 'fleet-'));
});

afterEach(async () => {
  await running?.stop();
  running = undefined;
  rmSync(stateDir, { recursive: true });
});

const pidOf = (id: string): number => JSON.parse(readFileSync(path.join(stateDir, 'engines.json'), 'utf8'))[id].pid;

describe('a local engine process', () => {
  it('is started with the platform, ready when the service is, and gone with it', async () => {
    running = await startFleet([simProvider(await freePort())], { stateDir });
    expect(await running.engine('sim')).toMatchObject({ state: READY, managed: true });
    const pid = pidOf('sim');
    await running.stop();
    running = undefined;
    expect(isAlive(pid)).toBe(false);
  });

  it('that is killed is unhealthy, says so, and comes back as another process', async () => {
    running = await startFleet([simProvider(await freePort())], { stateDir });
    const pid = pidOf('sim');
    process.kill(pid, 'SIGKILL');
    await until(() =>
      running!.told.some(([engine]) => engine?.state === UNHEALTHY && engine.reason.includes('SIGKILL')),
    );
    await running.reaches('sim', READY);
    expect(pidOf('sim')).not.toBe(pid);
    expect(running.told.flat().map(({ state }) => state)).toContain(STARTING);
  });

  it('that is not to start by itself starts when asked to, stops when asked to, and either twice does no harm', async () => {
    running = await startFleet([simProvider(await freePort(), { autostart: false })], { stateDir });
    expect(await running.engine('sim')).toMatchObject({ state: STOPPED, reason: 'it is started when it is asked for' });
    const start = () => running!.client.startEngine({ engineId: 'sim' }, { timeoutMs: 20_000 });
    expect((await start()).state).toBe(READY);
    const pid = pidOf('sim');
    await start();
    expect(pidOf('sim')).toBe(pid);
    const stop = () => running!.client.stopEngine({ engineId: 'sim' }, { timeoutMs: 20_000 });
    expect(await stop()).toMatchObject({ state: STOPPED, reason: 'it was stopped on request' });
    expect(isAlive(pid)).toBe(false);
    expect((await stop()).state).toBe(STOPPED);
    expect((await start()).state).toBe(READY);
  });

  it('that is started again while it is being stopped runs in the end', async () => {
    running = await startFleet([simProvider(await freePort())], { stateDir });
    const first = pidOf('sim');
    const stop = running.client.stopEngine({ engineId: 'sim' }, { timeoutMs: 20_000 });
    const start = running.client.startEngine({ engineId: 'sim' }, { timeoutMs: 20_000 });
    await stop;
    expect((await start).state).toBe(READY);
    expect(isAlive(first)).toBe(false);
    expect(isAlive(pidOf('sim'))).toBe(true);
  });

  it('that keeps crashing stays down after the limit, with what it said last; a start tries anew', async () => {
    const provider = simProvider(await freePort(), { args: ['--block-size', 'many'] });
    running = await startFleet([provider], { stateDir, crashLimit: 3 });
    const engine = await running.reaches('sim', STOPPED);
    expect(engine.reason).toMatch(/^it crashed 3 times within 300 s .* the process exited with 1 .*--block-size/);
    await expect(running.client.startEngine({ engineId: 'sim' }, { timeoutMs: 20_000 })).rejects.toMatchObject({
      code: 'err_model_start_timeout',
      message: expect.stringContaining('crashed 3 times'),
    });
  });

  it('whose program is not there is stopped and says so', async () => {
    const provider = simProvider(await freePort());
    const nowhere = { ...provider, process: { ...provider.process!, command: ['/no/such/program'] } };
    running = await startFleet([nowhere], { stateDir });
    expect((await running.engine('sim'))?.reason).toBe('the program "/no/such/program" cannot be started (ENOENT)');
  });

  it('that does not answer in its time is replaced', async () => {
    const provider = simProvider(await freePort(), { args: ['--startup-ms', '600000'], startTimeoutMs: 300 });
    running = await startFleet([provider], { stateDir, crashLimit: 1, startWaitMs: 0 });
    expect((await running.reaches('sim', STOPPED)).reason).toContain('it did not answer within 0.3 s of its start');
  });

  it('that hangs is replaced', async () => {
    const port = await freePort();
    running = await startFleet([simProvider(port)], { stateDir, hungAfterMs: 1_000, probeTimeoutMs: 500 });
    const pid = pidOf('sim');
    const body = JSON.stringify({ fault: 'hang', path: '/' });
    await fetch(`http://127.0.0.1:${port}/sim/faults`, { method: 'POST', body });
    await until(() => !isAlive(pid), { timeoutMs: 10_000 });
    await running.reaches('sim', READY);
  });

  it('is replaced when its command changes, and ended when it leaves the configuration', async () => {
    const port = await freePort();
    running = await startFleet([simProvider(port)], { stateDir });
    const first = pidOf('sim');
    running.change([simProvider(port, { args: ['--model', 'other'] })]);
    await until(async () => (await running!.engine('sim'))?.models[0]?.name === 'other', { timeoutMs: 15_000 });
    expect(isAlive(first)).toBe(false);
    const second = pidOf('sim');
    running.change([]);
    await until(() => !isAlive(second), { timeoutMs: 10_000 });
    await until(async () => (await running!.list()).length === 0);
  });

  it('gets the environment without what is the platform’s own', async () => {
    const provider = simProvider(await freePort());
    const env = { ...process.env, ENGINE_SIM_MODEL: 'from-outside', FLOTILLA_GATEWAY_DEV_KEY: 'k', NODE_OPTIONS: '' };
    running = await startFleet([provider], { stateDir }, env);
    expect((await running.engine('sim'))?.models[0]?.name).toBe('from-outside');
    expect(readFileSync(`/proc/${pidOf('sim')}/environ`, 'utf8')).not.toContain('FLOTILLA_');
  });
});
