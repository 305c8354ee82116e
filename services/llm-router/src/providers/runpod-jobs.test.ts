import { afterEach, describe, expect, it } from '@jest/globals';
import { until } from '@flotilla/testkit';
import { sendJson } from '../fake-engine.fixture.ts';
import { choicesOf, textOf } from '../router.fixture.ts';
import { contracted, key, type Contracted } from './contract.fixture.ts';
import { openAiWords as words } from './dialects/openai.fixture.ts';
import { job, runpodJobs } from './dialects/runpod.fixture.ts';

let its: Contracted;
afterEach(() => its.stop());
const paths = () => its.fake.seen.map(({ path }) => path.replace('/v2/abc/', ''));
const whole = [words.begin, words.text('one'), words.end('stop')];

describe('a job on RunPod', () => {
  it('is waited for while a worker comes up, and ends by itself when this router does not live to end it', async () => {
    its = await contracted(runpodJobs, { cold_start_ms: 20_000, timeouts: { total_ms: 30_000, first_token_ms: 500 } });
    its.fake.script = job({ queued: 3, stream: [whole], ends: 'COMPLETED' });
    expect(textOf(await its.router.generate())).toBe('one');
    expect(paths().slice(0, 4)).toEqual(['run', 'stream/j1', 'stream/j1', 'stream/j1']);
    expect(its.fake.seen[0]!.body).toMatchObject({
      input: { openai_route: '/v1/chat/completions', openai_input: { model: 'm', stream: true } },
      policy: { executionTimeout: 30_000, ttl: 50_000 },
    });
  });

  it('that finds no worker in time is cancelled, and the client told so', async () => {
    its = await contracted(runpodJobs, { cold_start_ms: 200 });
    its.fake.script = job({ queued: Infinity });
    await expect(its.router.generate()).rejects.toMatchObject({ code: 'err_model_start_timeout' });
    await until(() => paths().includes('cancel/j1'));
  });

  it('is cancelled also when its client left before it had a name', async () => {
    its = await contracted(runpodJobs);
    let answer = (): void => undefined;
    its.fake.script = (response, { path }) => {
      if (path.endsWith('/run')) answer = () => sendJson(response, { id: 'j1', status: 'IN_QUEUE' });
      else sendJson(response, { id: 'j1', status: 'CANCELLED' });
    };
    const caller = new AbortController();
    const call = its.router.generate({}, { signal: caller.signal });
    call.catch(() => undefined);
    await until(() => its.fake.seen.length === 1);
    caller.abort();
    await expect(call).rejects.toMatchObject({ code: 'cancelled' });
    answer();
    await until(() => paths().includes('cancel/j1'));
    expect(paths()).toEqual(['run', 'cancel/j1']);
  });

  it('is cancelled before the service is gone', async () => {
    its = await contracted(runpodJobs);
    its.fake.script = job({ queued: Infinity });
    const call = its.router.generate();
    call.catch(() => undefined);
    await until(() => its.fake.seen.length >= 2);
    await its.router.stop();
    await expect(call).rejects.toMatchObject({ code: 'unavailable' });
    expect(paths()).toContain('cancel/j1');
  });

  it('whose worker says everything at its end is an answer too', async () => {
    its = await contracted(runpodJobs);
    const output = words.whole({ text: 'all at once', reason: 'stop' });
    its.fake.script = job({ output, ends: 'COMPLETED' });
    const events = await its.router.generate();
    expect(textOf(events)).toBe('all at once');
    expect(choicesOf(events).at(-1)!.finishReason).toBe('stop');
  });

  it('gives its pieces as bytes, wherever they were cut, or as objects', async () => {
    its = await contracted(runpodJobs);
    const text = whole.join('');
    const objects = [...text.matchAll(/^data: (\{.*)$/gm)].map(([, json]) => JSON.parse(json!));
    its.fake.script = job({ stream: [[text.slice(0, 90)], [text.slice(90, 99), text.slice(99)]], ends: 'COMPLETED' });
    expect(textOf(await its.router.generate())).toBe('one');
    its.fake.script = job({ stream: [[objects]], ends: 'COMPLETED' });
    expect(textOf(await its.router.generate())).toBe('one');
  });

  it.each([
    [
      'refused by the engine',
      { error: { message: `vLLM returned HTTP 400: {"error":{"message":"bad ${key}"}}` } },
      'invalid_request',
    ],
    ['of a worker that is ill', { error: { message: 'vLLM server process is not running' } }, 'engine_error'],
  ])('that is %s fails as that engine would', async (_why, output, code) => {
    its = await contracted(runpodJobs);
    its.fake.script = job({ stream: [[output]] });
    const error = (await its.router.generate().catch((thrown: Error) => thrown)) as Error;
    expect(error).toMatchObject({ code });
    expect(error.message).not.toContain(key);
  });

  it.each(['FAILED', 'TIMED_OUT', 'CANCELLED'])('that ends as %s is no answer', async (ends) => {
    its = await contracted(runpodJobs);
    its.fake.script = job({ ends });
    await expect(its.router.generate()).rejects.toMatchObject({ code: 'engine_error' });
    expect(paths()).not.toContain('cancel/j1');
  });

  it('whose id is no id is not asked for', async () => {
    its = await contracted(runpodJobs);
    its.fake.script = (response) => sendJson(response, { id: '../../other/run', status: 'IN_QUEUE' });
    await expect(its.router.generate()).rejects.toMatchObject({ code: 'engine_error' });
    expect(paths()).toEqual(['run']);
  });
});
