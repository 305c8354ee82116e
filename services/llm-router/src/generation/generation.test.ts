import { afterEach, describe, expect, it } from '@jest/globals';
import { freePort, until } from '@flotilla/testkit';
import {
  answers,
  chunk,
  sendJson,
  sse,
  startFakeEngine,
  usageChunk,
  type FakeEngine,
  type Script,
} from '../fake-engine.fixture.ts';
import {
  choicesOf,
  engine,
  generateRequest,
  kinds,
  startRouter,
  textOf,
  valueOf,
  type Started,
} from '../router.fixture.ts';
import type { RouterConfig } from '../config.ts';

const open: { stop(): Promise<void> }[] = [];
afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one.stop();
});
const kept = <T extends { stop(): Promise<void> }>(one: T): T => {
  open.push(one);
  return one;
};

/** A router over one fake engine per script, all serving the model `m`. */
async function over(
  scripts: Script[],
  config: Partial<RouterConfig> = {},
): Promise<[Started, FakeEngine, FakeEngine, ...FakeEngine[]]> {
  const fakes = await Promise.all(scripts.map(async (script) => kept(await startFakeEngine(script))));
  const engines = fakes.map((fake, i) => engine(`e${i}`, `${fake.url}/v1`, ['m']));
  return [kept(await startRouter({ engines, config })), ...(fakes as [FakeEngine, FakeEngine])];
}

const refuses =
  (status: number, body: unknown = { error: { message: 'no' } }): Script =>
  (response) =>
    sendJson(response, body, status);

const begins: Script = (response) => {
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  response.write(sse(chunk({ delta: { role: 'assistant', content: 'one' } })));
};
const hangs: Script = () => undefined;

describe('a streamed answer', () => {
  it('says who answers, then the pieces, then what was used', async () => {
    const [router] = await over([answers('Hel', 'lo')]);
    const events = await router.generate();
    expect(kinds(events)[0]).toBe('answerer');
    expect(kinds(events).at(-1)).toBe('finished');
    expect(new Set(kinds(events).slice(1, -1))).toEqual(new Set(['choices']));
    expect(textOf(events)).toBe('Hello');
    expect(valueOf(events, 'answerer')).toMatchObject({ model: 'm', provider: 'e0', endpoint: 'e0' });
    expect(valueOf(events, 'finished')?.usage).toEqual({
      promptTokens: 7,
      completionTokens: 2,
      cachedTokens: 0,
      estimated: false,
    });
    expect(choicesOf(events).at(-1)?.finishReason).toBe('stop');
  });

  it('puts the pieces of one read into one event', async () => {
    const text = ['a', 'b', 'c'].map((content) => sse(chunk({ delta: { content } }))).join('');
    const end = sse(chunk({ delta: {}, finish_reason: 'stop' })) + sse('[DONE]');
    const [router] = await over([(response) => response.writeHead(200).end(text + end)]);
    const events = await router.generate();
    expect(kinds(events)).toEqual(['answerer', 'choices', 'finished']);
    expect(textOf(events)).toBe('abc');
  });

  it('carries tool calls, reasoning, refusals and logprobs', async () => {
    const call = [{ index: 0, id: 'c1', type: 'function', function: { name: 'f', arguments: '{"a":' } }];
    const [router] = await over([
      (response) => {
        response.write(sse(chunk({ delta: { role: 'assistant', reasoning_content: 'hm' } })));
        response.write(sse(chunk({ delta: { tool_calls: call }, logprobs: { content: [] } })));
        response.write(sse(chunk({ delta: { refusal: 'no' } })));
        response.end(sse(chunk({ delta: {}, finish_reason: 'tool_calls' })) + sse(usageChunk) + sse('[DONE]'));
      },
    ]);
    const choices = choicesOf(await router.generate());
    expect(choices.map((choice) => choice.reasoning).join('')).toBe('hm');
    expect(JSON.parse(choices.find((choice) => choice.toolCallsJson)!.toolCallsJson)).toEqual(call);
    expect(choices.find((choice) => choice.logprobsJson)?.logprobsJson).toBe('{"content":[]}');
    expect(choices.map((choice) => choice.refusal).join('')).toBe('no');
    expect(choices.at(-1)?.finishReason).toBe('tool_calls');
  });

  it('leaves its connection for the next ones', async () => {
    const [router, fake] = await over([answers('a')]);
    for (let i = 0; i < 5; i += 1) {
      await router.generate();
      await until(() => fake.seen.at(-1)!.ended);
    }
    // The next may begin before the end of the one before it has come through.
    expect(new Set(fake.seen.map((seen) => seen.connection)).size).toBeLessThanOrEqual(2);
    expect(fake.seen.some((seen) => seen.aborted)).toBe(false);
  });

  it('does not wait for an engine that says [DONE] and then holds the connection', async () => {
    const [router, fake] = await over([
      (response) => response.write(sse(chunk({ delta: { content: 'a' }, finish_reason: 'stop' })) + sse('[DONE]')),
    ]);
    expect(kinds(await router.generate()).at(-1)).toBe('finished');
    await until(() => fake.seen[0]!.aborted);
  });

  it('is refused when its engines have all they can take', async () => {
    const [router, fake] = await over([hangs], { maxInFlightPerEndpoint: 1 });
    const caller = new AbortController();
    const held = router.generate({}, { signal: caller.signal });
    await until(() => fake.seen.length === 1);
    await expect(router.generate()).rejects.toMatchObject({ code: 'overloaded' });
    caller.abort();
    await expect(held).rejects.toMatchObject({ code: 'cancelled' });
    fake.script = answers('room');
    expect(textOf(await router.generate())).toBe('room');
  });

  it('estimates the usage when the engine tells none, and says so', async () => {
    const end = sse(chunk({ delta: { content: '12345678' }, finish_reason: 'stop' })) + sse('[DONE]');
    const [router] = await over([(response) => response.end(end)]);
    const usage = valueOf(await router.generate(), 'finished')?.usage;
    expect(usage).toEqual({ promptTokens: 2, completionTokens: 2, cachedTokens: 0, estimated: true });
  });

  it('fails, and never looks complete, when the engine cuts it', async () => {
    const [router] = await over([
      (response) => {
        begins(response, undefined as never);
        setImmediate(() => response.destroy());
      },
    ]);
    const events = await router.generate();
    expect(kinds(events)).not.toContain('finished');
    expect(valueOf(events, 'failure')?.code).toBe('engine_error');
    expect(textOf(events)).toBe('one');
  });

  it('fails when the response ends in order but without a finish reason', async () => {
    const [router] = await over([(response) => response.end(sse(chunk({ delta: { content: 'one' } })))]);
    expect(valueOf(await router.generate(), 'failure')?.code).toBe('engine_error');
  });

  it('is complete without [DONE] when every choice has its finish reason, and only then', async () => {
    const both = sse({
      choices: [
        { index: 0, delta: { content: 'a' }, finish_reason: 'stop' },
        { index: 1, delta: { content: 'b' } },
      ],
    });
    const second = sse({ choices: [{ index: 1, delta: {}, finish_reason: 'length' }] });
    const [router, fake] = await over([(response) => response.end(both + second)]);
    expect(kinds(await router.generate())).toContain('finished');
    fake.script = (response) => response.end(both);
    expect(kinds(await router.generate())).toContain('failure');
  });

  it.each(['abort', 'error'])('fails when the engine gives it up with the reason %s', async (reason) => {
    const text = sse(chunk({ delta: { content: 'one' } })) + sse(chunk({ delta: {}, finish_reason: reason }));
    const [router] = await over([(response) => response.end(text + sse(usageChunk) + sse('[DONE]'))]);
    const events = await router.generate();
    expect(kinds(events)).toEqual(['answerer', 'choices', 'failure']);
    expect(choicesOf(events).map((choice) => choice.finishReason)).toEqual(['']);
  });

  it('fails on an error in the stream after passing on what came before it', async () => {
    const text =
      sse(chunk({ delta: { content: 'one' } })) + sse({ error: { message: 'CUDA out of memory', code: 500 } });
    const [router] = await over([(response) => response.end(text)]);
    const events = await router.generate();
    expect(kinds(events)).toEqual(['answerer', 'choices', 'failure']);
    expect(valueOf(events, 'failure')?.code).toBe('engine_error');
  });

  it('fails after the idle time without a token', async () => {
    const [router, fake] = await over([begins], { idleTimeoutMs: 150 });
    expect(valueOf(await router.generate(), 'failure')?.code).toBe('deadline_exceeded');
    await until(() => fake.seen[0]!.aborted);
  });

  it('fails when all of it takes too long, though tokens keep coming', async () => {
    const [router, fake] = await over(
      [
        (response) => {
          const timer = setInterval(() => response.write(sse(chunk({ delta: { content: 'x' } }))), 20);
          response.on('close', () => clearInterval(timer));
        },
      ],
      { totalTimeoutMs: 200 },
    );
    expect(valueOf(await router.generate(), 'failure')?.code).toBe('deadline_exceeded');
    await until(() => fake.seen[0]!.aborted);
  });

  it('stops reading from the engine while the caller does not read', async () => {
    let written = 0;
    let ended = false;
    const word = 'x'.repeat(4_000);
    const [router] = await over([
      (response) => {
        const more = () => {
          while (written < 20_000_000) {
            written += word.length;
            if (!response.write(sse(chunk({ delta: { content: word } })))) return void response.once('drain', more);
          }
          ended = true;
          response.end(sse(chunk({ delta: {}, finish_reason: 'stop' })) + sse('[DONE]'));
        };
        more();
      },
    ]);
    const stream = router.client.generate(generateRequest())[Symbol.asyncIterator]();
    await stream.next();
    let before = -1;
    await until(
      () => {
        const still = before === written && written > 0;
        before = written;
        return still;
      },
      { everyMs: 100 },
    );
    expect(ended).toBe(false);
    let length = 0;
    for (let next = await stream.next(); !next.done; next = await stream.next()) {
      if (next.value.event?.$case === 'choices') length += textOf([next.value]).length;
    }
    expect(length).toBe(20_000_000);
  });
});

describe('an answer in one piece', () => {
  const whole = {
    system_fingerprint: 'fp',
    choices: [
      { index: 0, message: { role: 'assistant', content: 'Hello' }, finish_reason: 'stop' },
      { index: 1, message: { role: 'assistant', content: 'Hi' }, finish_reason: 'length' },
    ],
    usage: { prompt_tokens: 3, completion_tokens: 4, prompt_tokens_details: { cached_tokens: 2 } },
  };

  it('comes as whole choices', async () => {
    const [router, fake] = await over([(response) => sendJson(response, whole)]);
    const events = await router.generate({ stream: false });
    expect(kinds(events)).toEqual(['answerer', 'choices', 'finished']);
    expect(choicesOf(events).map(({ content, finishReason }) => [content, finishReason])).toEqual([
      ['Hello', 'stop'],
      ['Hi', 'length'],
    ]);
    expect(valueOf(events, 'answerer')?.systemFingerprint).toBe('fp');
    expect(valueOf(events, 'finished')?.usage).toMatchObject({ promptTokens: 3, completionTokens: 4, cachedTokens: 2 });
    expect(fake.seen[0]!.body).not.toHaveProperty('stream_options');
  });

  it('fails when it is cut', async () => {
    const [router] = await over(
      [
        (response) =>
          void response.writeHead(200, { 'content-length': '1000' }).write('{"cho', () => response.destroy()),
      ],
      { maxAttempts: 1 },
    );
    await expect(router.generate({ stream: false })).rejects.toMatchObject({ code: 'engine_error' });
  });
});

describe('a caller that leaves', () => {
  it.each([true, false])('ends the request at the engine at once, stream %s', async (stream) => {
    const [router, fake] = await over([(response, seen) => (stream ? begins(response, seen) : hangs(response, seen))]);
    const caller = new AbortController();
    const call = router.generate({ stream }, { signal: caller.signal });
    await until(() => fake.seen.length === 1);
    caller.abort();
    await expect(call).rejects.toMatchObject({ code: 'cancelled' });
    await until(() => fake.seen[0]!.aborted, { timeoutMs: 5_000 });
  });

  it('ends it also while the engine is held back', async () => {
    const [router, fake] = await over([
      (response) => {
        const more = () => {
          while (!response.destroyed && response.write(sse(chunk({ delta: { content: 'x'.repeat(9_000) } }))));
        };
        response.on('drain', more);
        more();
      },
    ]);
    const stream = router.client.generate(generateRequest())[Symbol.asyncIterator]();
    await stream.next();
    await until(() => fake.seen.length === 1);
    await stream.return!();
    await until(() => fake.seen[0]!.aborted, { timeoutMs: 5_000 });
  });

  it('ends it by leaving the iteration too', async () => {
    const [router, fake] = await over([begins]);
    for await (const event of router.client.generate(generateRequest())) if (event) break;
    await until(() => fake.seen[0]!.aborted, { timeoutMs: 5_000 });
  });

  it('does not make another engine start', async () => {
    const [router, first, second] = await over([hangs, hangs]);
    const caller = new AbortController();
    const call = router.generate({}, { signal: caller.signal });
    await until(() => first.seen.length + second.seen.length === 1);
    caller.abort();
    await expect(call).rejects.toMatchObject({ code: 'cancelled' });
    expect(first.seen.length + second.seen.length).toBe(1);
  });
});

describe('an engine that fails before its first token', () => {
  it.each([
    ['is overloaded', refuses(503)],
    ['answers 500', refuses(500)],
    ['hangs up', ((response) => response.destroy()) satisfies Script],
    [
      'hangs up after the role',
      ((response) => {
        response.write(sse(chunk({ delta: { role: 'assistant', content: '' } })), () => response.destroy());
      }) satisfies Script,
    ],
    [
      'sends an error as its first event',
      ((response) => response.end(sse({ error: { message: 'no' } }))) satisfies Script,
    ],
  ])('that %s: another one answers, and the caller is told', async (_, script) => {
    const [router, ...fakes] = await over([answers('fine'), answers('fine')]);
    let failed = false;
    // Whichever is picked first fails.
    for (const fake of fakes) {
      fake.script = (response, seen) => {
        if (failed) return answers('fine')(response, seen);
        failed = true;
        script(response, seen);
      };
    }
    const events = await router.generate();
    expect(textOf(events)).toBe('fine');
    expect(kinds(events).slice(0, 2)).toEqual(['answerer', 'notice']);
    expect(valueOf(events, 'notice')?.code).toBe('failed_over');
    expect(fakes.map((fake) => fake.seen.length)).toEqual([1, 1]);
  });

  it('that sends no token in time: another one answers', async () => {
    const [router, first, second] = await over([hangs, hangs], { firstTokenTimeoutMs: 400 });
    let calls = 0;
    first.script = second.script = (response, seen) => (++calls === 1 ? hangs : answers('fine'))(response, seen);
    expect(textOf(await router.generate())).toBe('fine');
  });

  it('that hangs up once and is the only one: it is asked again, once', async () => {
    const [router, fake] = await over([(response) => response.destroy()]);
    const hangsUp = fake.script;
    fake.script = (response, seen) => (fake.seen.length === 1 ? hangsUp : answers('fine'))(response, seen);
    expect(textOf(await router.generate())).toBe('fine');
    fake.seen.length = 0;
    fake.script = hangsUp;
    await expect(router.generate()).rejects.toMatchObject({ code: 'engine_error' });
    expect(fake.seen).toHaveLength(2);
  });

  it('that sends no token in time and is the only one: the caller is told that it took too long', async () => {
    const [router, fake] = await over([hangs], { firstTokenTimeoutMs: 150 });
    await expect(router.generate()).rejects.toMatchObject({ code: 'deadline_exceeded' });
    await until(() => fake.seen[0]!.aborted);
  });

  it('is never asked for the same twice once a token was delivered and nobody may go on', async () => {
    const cut: Script = (response, seen) => {
      begins(response, seen);
      setImmediate(() => response.destroy());
    };
    const [router, first, second] = await over([cut, cut], { continueAnswers: 0 });
    expect(kinds(await router.generate())).toContain('failure');
    expect(first.seen.length + second.seen.length).toBe(1);
  });

  it('is tried so often and no more', async () => {
    const [router, ...fakes] = await over([refuses(500), refuses(500), refuses(500), refuses(500)], { maxAttempts: 3 });
    await expect(router.generate()).rejects.toMatchObject({ code: 'engine_error' });
    expect(fakes.reduce((sum, fake) => sum + fake.seen.length, 0)).toBe(3);
  });

  it('that is gone is set aside, and taken again when nothing else is left', async () => {
    const fake = kept(await startFakeEngine(answers('fine')));
    const port = await freePort();
    const engines = [engine('dead', `http://127.0.0.1:${port}/v1`, ['m']), engine('live', `${fake.url}/v1`, ['m'])];
    const router = kept(await startRouter({ engines }));
    const all = await Promise.all(Array.from({ length: 8 }, () => router.generate()));
    expect(all.map(textOf)).toEqual(Array(8).fill('fine'));
    // Set aside: nobody fails over any more.
    expect(kinds(await router.generate())).not.toContain('notice');
    await fake.stop();
    open.splice(open.indexOf(fake), 1);
    await expect(router.generate()).rejects.toMatchObject({ code: 'engine_error' });
    kept(await startFakeEngine(answers('back'), fake.port));
    expect(textOf(await router.generate())).toBe('back');
  });
});

describe('what an engine refuses', () => {
  it.each([
    [400, { error: { message: 'temperature must be ≥ 0' } }, 'invalid_request', 'temperature must be ≥ 0'],
    [422, { detail: 'bad field' }, 'invalid_request', 'bad field'],
    [
      400,
      { error: { message: "This model's maximum context length is 10" } },
      'context_length_exceeded',
      'maximum context',
    ],
    [404, { error: { message: 'The model `m` does not exist.' } }, 'model_not_found', 'does not exist'],
    [413, {}, 'err_payload_too_large', ''],
    [429, {}, 'overloaded', ''],
    [503, {}, 'overloaded', ''],
    [500, { error: { message: 'stack trace' } }, 'engine_error', 'status 500'],
    [302, {}, 'engine_error', ''],
  ])('status %d %j → %s', async (status, body, code, message) => {
    const [router] = await over([refuses(status, body)]);
    await expect(router.generate()).rejects.toMatchObject({ code, message: expect.stringContaining(message) });
  });

  it('says when to come back, if the engine does', async () => {
    const [router] = await over([(response) => response.writeHead(429, { 'retry-after': '3' }).end('{}')]);
    await expect(router.generate()).rejects.toMatchObject({ code: 'overloaded', details: { retryAfterMs: 3_000 } });
  });

  it('never shows the provider’s key, nor what it says of it', async () => {
    const fake = kept(await startFakeEngine(refuses(401, { error: { message: 'Incorrect key sk-secret123456' } })));
    const file = { providers: [{ name: 'p', kind: 'openai', base_url: `${fake.url}/v1`, api_key_env: 'KEY' }] };
    const router = kept(await startRouter({ file, env: { KEY: 'sk-secret123456' } }));
    const refused = await router.generate({ model: 'p/x' }).catch((error: unknown) => error);
    expect(fake.seen[0]!.headers.authorization).toBe('Bearer sk-secret123456');
    expect(refused).toMatchObject({ code: 'engine_error' });
    expect((refused as Error).message).not.toContain('secret');
    fake.script = refuses(400, { error: { message: 'key sk-secret123456 may not do that' } });
    const second = await router.generate({ model: 'p/x' }).catch((error: unknown) => error);
    expect((second as Error).message).toBe('key … may not do that');
  });

  it('is told of a key that cannot be sent, without the key', async () => {
    const fake = kept(await startFakeEngine(answers('fine')));
    const file = {
      providers: [
        { name: 'p', kind: 'openai', base_url: `${fake.url}/v1`, api_key_env: 'KEY' },
        { name: 'q', kind: 'openai', base_url: `${fake.url}/v1` },
      ],
      models: [{ name: 'm', targets: [{ provider: 'p' }], fallbacks: ['q/m'] }],
    };
    const router = kept(await startRouter({ file, env: { KEY: 'two\nlines' } }));
    const refused = await router.generate({ model: 'p/x' }).catch((error: unknown) => error);
    expect(refused).toMatchObject({ code: 'engine_error' });
    expect((refused as Error).message).not.toContain('lines');
    // Failing at once, before anything is sent, is failing all the same: the fallback answers.
    expect(textOf(await router.generate())).toBe('fine');
  });

  it('goes to no other engine when the request itself is wrong', async () => {
    const [router, first, second] = await over([refuses(400), refuses(400)]);
    await expect(router.generate()).rejects.toMatchObject({ code: 'invalid_request' });
    expect(first.seen.length + second.seen.length).toBe(1);
  });
});
