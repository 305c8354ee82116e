import { createServer, type Server, type Socket } from 'node:net';
import { once } from 'node:events';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { until } from '@flotilla/testkit';
import { sendJson } from '../fake-engine.fixture.ts';
import { kinds, startRouter, textOf, valueOf } from '../router.fixture.ts';
import { contracted, key, type Contracted } from './contract.fixture.ts';
import { dialects } from './dialects/dialects.fixture.ts';

describe.each(dialects)('when an engine of kind $name', (dialect) => {
  const { words, streams, answers } = dialect;
  let its: Contracted;
  // Engines that fail are set aside: each test has its own.
  beforeEach(async () => {
    its = await contracted(dialect);
  });
  afterEach(() => its.stop());
  const one = [words.begin, words.text('one')];
  const failure = async (stream = true) =>
    its.router.generate({ stream }).then(
      () => undefined,
      (error: { code: string; message: string; details: { retryAfterMs?: number } }) => error,
    );

  it.each([
    [400, 'invalid_request'],
    [401, 'engine_error'],
    [402, 'engine_error'],
    [403, 'engine_error'],
    [404, 'model_not_found'],
    [413, 'err_payload_too_large'],
    [429, 'overloaded'],
    [500, 'engine_error'],
    [503, 'overloaded'],
    [529, 'overloaded'],
  ])('answers %i the client is told %s, and never the platform’s key', async (status, code) => {
    const body = words.refusal(`Incorrect API key provided: ${key}. See your account.`, status);
    its.fake.script = (response) => sendJson(response, body, status);
    const error = await failure();
    expect(error).toMatchObject({ code });
    expect(JSON.stringify([error, error!.message])).not.toContain(key);
    if ([401, 402, 403].includes(status)) expect(error!.message).not.toContain('Incorrect');
  });

  it('asks for a pause, the client is told how long', async () => {
    its.fake.script = (response) => {
      response.setHeader('retry-after', '7');
      sendJson(response, words.refusal('slow down', 429), 429);
    };
    expect(await failure()).toMatchObject({ code: 'overloaded', details: { retryAfterMs: 7_000 } });
  });

  it('says in the middle that it failed, the answer ends as a failure', async () => {
    its.fake.script = streams([...one, words.error('no', 500)]);
    const events = await its.router.generate();
    expect(textOf(events)).toBe('one');
    expect(valueOf(events, 'failure')?.code).toBe('engine_error');
  });

  it('says the key in a stream, nobody is told', async () => {
    its.fake.script = streams([words.begin, words.error(`bad key ${key}`, 400)]);
    const error = await failure();
    expect(error!.code).toMatch(/invalid_request|engine_error/);
    expect(JSON.stringify([error, error!.message])).not.toContain(key);
  });

  it('ends without its end, the answer never looks whole', async () => {
    its.fake.script = streams(one);
    const events = await its.router.generate();
    expect(textOf(events)).toBe('one');
    expect(kinds(events).at(-1)).toBe('failure');
    expect(kinds(events)).not.toContain('finished');
  });

  it('sends what cannot be read, the client is told of the engine, not of the bytes', async () => {
    for (const text of ['data: {"choices":\n\n', '<html>']) {
      its.fake.script = (response) => void response.end(text);
      expect(await failure()).toMatchObject({ code: 'engine_error' });
      expect(await failure(false)).toMatchObject({ code: 'engine_error' });
    }
    its.fake.script = answers({});
    expect(await failure(false)).toMatchObject({ code: 'engine_error' });
  });

  it('sends a line without an end, it is not kept', async () => {
    its.fake.script = streams([words.begin, `data: ${'x'.repeat(3 << 20)}`], true);
    expect(await failure()).toMatchObject({ code: 'engine_error' });
  });

  it.each([true, false])('works for a client that left, it is told so, stream %s', async (stream) => {
    its.fake.script = stream ? streams(one, true) : holds(dialect.name);
    const caller = new AbortController();
    const call = its.router.generate({ stream }, { signal: caller.signal });
    call.catch(() => undefined);
    await until(() => its.fake.seen.length >= (dialect.name.includes('jobs') ? 2 : 1));
    caller.abort();
    await expect(call).rejects.toMatchObject({ code: 'cancelled' });
    await until(() => dialect.left(its.fake.seen));
  });
});

/** Takes the request and says nothing. */
function holds(name: string) {
  const queued = dialects.find((dialect) => dialect.name === name)!.streams([], true);
  return name.includes('jobs') ? queued : () => undefined;
}

describe.each(dialects)('the limits of time of a provider of kind $name', (dialect) => {
  const { words, streams } = dialect;
  let its: Contracted | undefined;
  afterEach(async () => {
    await its?.stop();
  });
  const limited = async (timeouts: object) => {
    const cold = dialect.provider as { cold_start_ms?: number };
    its = await contracted(dialect, { timeouts, ...(cold.cold_start_ms && { cold_start_ms: 1 }) });
    return its;
  };

  it('hold until the first token', async () => {
    const { fake, router } = await limited({ first_token_ms: 150 });
    fake.script = streams([words.begin], true);
    await expect(router.generate()).rejects.toMatchObject({ code: 'deadline_exceeded' });
    await until(() => dialect.left(fake.seen));
  });

  it('hold between two tokens', async () => {
    const { fake, router } = await limited({ idle_ms: 150 });
    fake.script = streams([words.begin, words.text('one')], true);
    expect(valueOf(await router.generate(), 'failure')?.code).toBe('deadline_exceeded');
    await until(() => dialect.left(fake.seen));
  });

  it('hold for all of it', async () => {
    const { fake, router } = await limited({ total_ms: 250 });
    fake.script = streams([words.begin], true);
    await expect(router.generate({ stream: false })).rejects.toMatchObject({ code: 'deadline_exceeded' });
  });
});

describe('the limit of connecting', () => {
  let server: Server;
  const sockets: Socket[] = [];
  beforeEach(async () => {
    // Accepts, and then never shakes hands.
    server = createServer((socket) => void sockets.push(socket.on('error', () => undefined))).listen(0, '127.0.0.1');
    await once(server, 'listening');
  });
  afterEach(() => {
    for (const socket of sockets.splice(0)) socket.destroy();
    server.close();
  });

  it('is the provider’s own, and counts TLS', async () => {
    const { port } = server.address() as { port: number };
    const slow = {
      name: 'p',
      kind: 'openai' as const,
      base_url: `https://127.0.0.1:${port}/v1`,
      timeouts: { connect_ms: 50 },
    };
    const models = [{ name: 'm', targets: [{ provider: 'p', model: 'm' }] }];
    const router = await startRouter({ file: { providers: [slow], models }, config: { connectTimeoutMs: 60_000 } });
    await expect(router.generate()).rejects.toMatchObject({ code: 'engine_error' });
    await router.stop();
  });
});
