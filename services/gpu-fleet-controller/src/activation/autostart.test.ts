import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { fleet } from '@flotilla/contracts';
import { freePort, until } from '@flotilla/testkit';
import { isAlive, startFleet, type TestFleet } from '../fleet.fixture.ts';
import { simProvider, simServices } from '../sim-process.fixture.ts';

const { READY, STOPPED } = fleet.EngineState;

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

const ask = (port: number, model: string, maxTokens: number) =>
  fetch(`http://127.0.0.1:${port}/v1/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ model, prompt: 'say it', max_tokens: maxTokens }),
  });

describe('services at one port', () => {
  it('start when they are asked for, once for all who ask, and say what they are', async () => {
    const port = await freePort();
    running = await startFleet([simServices(port, { a: [], b: [] })], { stateDir });
    expect(await running.engine('local/a')).toMatchObject({
      ...{ provider: 'local', state: STOPPED, activatable: ['a'], onDemand: true, models: [] },
    });
    const answers = await Promise.all([running.activate('local', 'a'), running.activate('local', 'a')]);
    expect(answers.map(({ id, state }) => [id, state])).toEqual([
      ['local/a', READY],
      ['local/a', READY],
    ]);
    const a = await running.autostart('vllm:a');
    expect(a).toMatchObject({ provider: 'local', state: READY, activeModel: 'a', port, logFile: 'local-a.log' });
    expect(isAlive(a.pid)).toBe(true);
    expect(a.lastUsedAt).toBeGreaterThan(0);
    expect(readFileSync(path.join(stateDir, 'logs', 'local-a.log'), 'utf8')).toContain(`:${port}`);
    expect(JSON.parse(readFileSync(path.join(stateDir, 'engines.json'), 'utf8'))['local/a']).toMatchObject({
      ...{ pid: a.pid, port, models: ['a'], ready: true },
    });
    expect(await running.engine('local/a')).toMatchObject({ activatable: [], models: [{ name: 'a' }, {}] });
  });

  it('make room for each other, once what runs on them is done', async () => {
    const port = await freePort();
    running = await startFleet(
      [simServices(port, { a: ['--decode-tokens-per-second', '10', '--answer-tokens', '20'], b: [] })],
      { stateDir },
    );
    await running.activate('local', 'a');
    const first = await running.autostart('vllm:a');
    const long = ask(port, 'a', 20).then(async (answer) => [answer.status, (await answer.json()) as object] as const);
    await until(async () => (await running!.engine('local/a'))?.load?.running === 1);
    expect((await running.activate('local', 'b')).models[0]?.name).toBe('b');
    expect(await long).toEqual([200, expect.objectContaining({ model: 'a' })]);
    expect(isAlive(first.pid)).toBe(false);
    expect(await running.autostart('vllm:a')).toMatchObject({
      ...{ state: STOPPED, reason: 'it makes room for local/b', pid: 0, activeModel: '' },
    });
    expect((await ask(port, 'a', 1)).status).toBe(404);
  });

  it('that do not answer in their time are ended and say so, with what they wrote last', async () => {
    const port = await freePort();
    const slow = simServices(port, { slow: ['--startup-ms', '600000'] }, { start_timeout_ms: 600 });
    const bad = { ...simServices(await freePort(), { bad: ['--block-size', 'many'] }), name: 'other' };
    running = await startFleet([slow, bad], { stateDir, startWaitMs: 0 });
    await expect(running.activate('local', 'slow')).rejects.toMatchObject({
      code: 'err_model_start_timeout',
      message: expect.stringContaining('did not answer within 0.6 s'),
    });
    await expect(running.activate('other', 'bad')).rejects.toMatchObject({
      code: 'err_model_start_timeout',
      message: expect.stringMatching(/exited with 1 \(".*--block-size/),
    });
    expect(await running.autostart('vllm:slow')).toMatchObject({ state: STOPPED, pid: 0 });
    expect(JSON.parse(readFileSync(path.join(stateDir, 'engines.json'), 'utf8'))).toEqual({});
  });

  it('are stopped when nobody uses them, and not while someone does', async () => {
    const port = await freePort();
    const services = simServices(port, { a: [] }, { idle_stop_ms: 1_000, min_up_ms: 0 });
    running = await startFleet([services], { stateDir });
    await running.activate('local', 'a');
    const { pid } = await running.autostart('vllm:a');
    const use = fleet.ActivateRequest.fromPartial({ provider: 'local', model: 'a', inUse: true });
    for (const end = performance.now() + 1_500; performance.now() < end;) await running.activation.activate(use);
    expect(isAlive(pid)).toBe(true);
    await until(() => !isAlive(pid), { timeoutMs: 10_000 });
    await running.reaches('local/a', STOPPED);
    expect((await running.activation.activate(use)).state).toBe(STOPPED);
  });
});

describe('a service whose file changes', () => {
  it('goes on under new times, and ends when it is named no more', async () => {
    const port = await freePort();
    running = await startFleet([simServices(port, { a: [], b: [] })], { stateDir });
    await running.activate('local', 'a');
    const { pid } = await running.autostart('vllm:a');
    running.change([simServices(port, { a: [], b: [] }, { idle_stop_ms: 60_000 })]);
    await until(async () => (await running!.autostart('vllm:a')).idleStopMs === 60_000);
    expect(await running.autostart('vllm:a')).toMatchObject({ pid, state: READY });
    running.change([simServices(port, { b: [] })]);
    await until(() => !isAlive(pid), { timeoutMs: 10_000 });
    expect((await running.activate('local', 'b')).state).toBe(READY);
  });
});

describe('a lone process that starts on demand', () => {
  it('is started by a request for whatever the file asks of it', async () => {
    const provider = simProvider(await freePort(), { autostart: false });
    running = await startFleet([provider], { stateDir });
    expect((await running.activate('sim', 'flotilla-sim')).state).toBe(READY);
    expect(await running.autostart('command:sim')).toMatchObject({ state: READY, activeModel: '' });
  });
});

describe('autostart', () => {
  it('that is off starts nothing and offers nothing', async () => {
    running = await startFleet([simServices(await freePort(), { a: [] })], { stateDir, autostartEnabled: false });
    expect(await running.engine('local/a')).toMatchObject({ activatable: [], onDemand: false });
    await expect(running.activate('local', 'a')).rejects.toMatchObject({
      code: 'engine_unavailable',
      message: expect.stringContaining('FLOTILLA_FLEET_AUTOSTART_ENABLED'),
    });
    expect((await running.activation.getAutostart({})).enabled).toBe(false);
  });

  it('is for what the map names, when there is one', async () => {
    const config = { stateDir, autostartMap: [{ kind: 'vllm', name: 'a' } as const] };
    running = await startFleet([simServices(await freePort(), { a: [], b: [] })], config);
    expect((await running.engine('local/a'))?.activatable).toEqual(['a']);
    expect((await running.engine('local/b'))?.activatable).toEqual([]);
    await expect(running.activate('local', 'b')).rejects.toMatchObject({ code: 'engine_unavailable' });
    await expect(running.activate('local', 'c')).rejects.toMatchObject({ code: 'engine_unavailable' });
  });

  it('writes no more of what an engine says than its bound', async () => {
    const chatter = "setInterval(() => process.stdout.write('x'.repeat(20_000) + '\\n'), 20)";
    const services = simServices(await freePort(), { a: [] });
    services.services![0]!.command = [process.execPath, '-e', chatter];
    running = await startFleet([services], { stateDir, maxLogBytes: 10_000, startWaitMs: 0 });
    void running.activate('local', 'a').catch(() => undefined);
    await until(() => readdirSync(path.join(stateDir, 'logs')).length === 2, { timeoutMs: 10_000 });
    expect(readdirSync(path.join(stateDir, 'logs')).sort()).toEqual(['local-a.log', 'local-a.log.1']);
  });
});
