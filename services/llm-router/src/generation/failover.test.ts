import { afterEach, describe, expect, it } from '@jest/globals';
import type { router } from '@flotilla/contracts';
import { until } from '@flotilla/testkit';
import type { RouterConfig } from '../config.ts';
import { answers, sendJson, startFakeEngine, type FakeEngine, type Script } from '../fake-engine.fixture.ts';
import { engine, generateRequest, kinds, startRouter, textOf, valueOf, type Started } from '../router.fixture.ts';

const open: { stop(): Promise<void> }[] = [];
afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one.stop();
});
const kept = <T extends { stop(): Promise<void> }>(one: T): T => {
  open.push(one);
  return one;
};

const refuses =
  (status: number, headers: Record<string, string> = {}, error: object = { message: 'no' }): Script =>
  (response) => {
    for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
    sendJson(response, { error }, status);
  };
const tooLong = refuses(400, {}, { message: 'too long', code: 'context_length_exceeded' });
const hangs: Script = () => undefined;

async function over(
  scripts: Script[],
  config: Partial<RouterConfig> = {},
): Promise<[Started, FakeEngine, FakeEngine, ...FakeEngine[]]> {
  const fakes = await Promise.all(scripts.map(async (script) => kept(await startFakeEngine(script))));
  const engines = fakes.map((fake, i) => engine(`e${i}`, `${fake.url}/v1`, ['m']));
  return [kept(await startRouter({ engines, config })), ...(fakes as [FakeEngine, FakeEngine])];
}

/** A router over providers a, b, c …, one per script, and these models. */
async function among(scripts: Script[], models: object[], config: Partial<RouterConfig> = {}) {
  const fakes = await Promise.all(scripts.map(async (script) => kept(await startFakeEngine(script))));
  const providers = fakes.map((fake, i) => ({ name: 'abcdef'[i]!, kind: 'vllm' as const, base_url: `${fake.url}/v1` }));
  const router = kept(await startRouter({ file: { providers, models: models as never }, config }));
  return { router, fakes, asked: () => fakes.map((fake) => fake.seen.length) };
}

describe('a chain of fallbacks', () => {
  it('leads through models with their own targets and fallbacks, in order, and through a circle once', async () => {
    const models = [
      { name: 'm', targets: [{ provider: 'a' }], fallbacks: ['n'] },
      { name: 'n', targets: [{ provider: 'b' }], fallbacks: ['m', 'c/x'] },
    ];
    const { router, fakes, asked } = await among([refuses(500), refuses(404), answers('third')], models);
    const events = await router.generate();
    expect(textOf(events)).toBe('third');
    expect(asked()).toEqual([1, 1, 1]);
    expect(fakes[2]!.seen[0]!.body.model).toBe('x');
    expect(valueOf(events, 'answerer')?.routing?.attempts).toBe(3);
  });

  it('is not gone down for what the request itself did wrong', async () => {
    const models = [{ name: 'm', targets: [{ provider: 'a' }], fallbacks: ['b/m'], context_fallbacks: ['b/m'] }];
    const { router, asked } = await among([refuses(400), answers('no')], models);
    await expect(router.generate()).rejects.toMatchObject({ code: 'invalid_request' });
    expect(asked()).toEqual([1, 0]);
  });

  it('for a prompt that is too long is that of longer windows, and no other', async () => {
    const models = [
      { name: 'm', targets: [{ provider: 'a' }], fallbacks: ['b/m'], context_fallbacks: ['c/long', 'd/longer'] },
    ];
    const { router, asked } = await among([tooLong, answers('no'), tooLong, answers('long')], models);
    await expect(router.generate()).rejects.toMatchObject({ code: 'context_length_exceeded' });
    expect(asked()).toEqual([1, 0, 1, 0]);
  });

  it('finds the model with room for the prompt', async () => {
    const models = [{ name: 'm', targets: [{ provider: 'a' }], fallbacks: ['b/m'], context_fallbacks: ['c/long'] }];
    const { router, asked } = await among([tooLong, answers('no'), answers('long')], models);
    expect(textOf(await router.generate())).toBe('long');
    expect(asked()).toEqual([1, 0, 1]);
  });
});

describe('an engine that says when to come back', () => {
  it('is not asked before that, and the caller is told when nobody else is there', async () => {
    const models = [{ name: 'm', targets: [{ provider: 'a' }] }];
    const { router, asked } = await among([refuses(429, { 'retry-after': '30' })], models);
    await expect(router.generate()).rejects.toMatchObject({ code: 'overloaded', details: { retryAfterMs: 30_000 } });
    const second = await router.generate().catch((error: unknown) => error);
    expect(second).toMatchObject({ code: 'overloaded' });
    expect((second as { details: { retryAfterMs: number } }).details.retryAfterMs).toBeGreaterThan(20_000);
    expect(asked()).toEqual([1]);
  });

  it('leaves the requests to the others, and its own other models to itself', async () => {
    const models = [
      { name: 'm', targets: [{ provider: 'a' }], fallbacks: ['b/m'] },
      { name: 'other', targets: [{ provider: 'a' }] },
    ];
    const { router, fakes, asked } = await among([refuses(429, { 'retry-after': '30' }), answers('b')], models);
    for (let i = 0; i < 3; i += 1) expect(textOf(await router.generate())).toBe('b');
    expect(asked()).toEqual([1, 3]);
    fakes[0]!.script = answers('a');
    expect(textOf(await router.generate({ model: 'other' }))).toBe('a');
  });
});

describe('an engine that is asked again, for there is no other', () => {
  const hangsUp: Script = (response) => response.destroy();

  it('gets a pause before, and nothing at all when the caller leaves in it', async () => {
    const [router, fake] = await over([hangsUp], { retryBackoffMs: 3_600_000 });
    const caller = new AbortController();
    const call = router.generate({}, { signal: caller.signal });
    await until(() => fake.seen[0]?.ended);
    caller.abort();
    await expect(call).rejects.toMatchObject({ code: 'cancelled' });
    fake.script = answers('fine');
    expect(textOf(await router.generate())).toBe('fine');
    expect(fake.seen).toHaveLength(2);
  });

  it('is not waited for past the limit of the whole request', async () => {
    const [router, fake] = await over([hangsUp], { retryBackoffMs: 3_600_000, totalTimeoutMs: 300 });
    await expect(router.generate()).rejects.toMatchObject({ code: 'deadline_exceeded' });
    expect(fake.seen).toHaveLength(1);
  });
});

describe('failovers when everything fails', () => {
  it('stay within their budget: the failure is told at once', async () => {
    const [router, first, second] = await over([refuses(500), refuses(500)], {
      retryMinPerSecond: 0,
      retryShare: 0.2,
      ejectBaseMs: 1,
    });
    for (let i = 0; i < 20; i += 1) await expect(router.generate()).rejects.toMatchObject({ code: 'engine_error' });
    expect(first.seen.length + second.seen.length).toBeLessThanOrEqual(20 + 20 * 0.2);
    expect(first.seen.length + second.seen.length).toBeGreaterThan(20);
  });
});

describe('a second engine, when the first is late', () => {
  const config = { hedge: 'own', hedgeMinMs: 20, hedgeShare: 0.5 } as const;

  /** The first request of the next two hangs, whichever engine gets it. */
  function hangOnce(fakes: FakeEngine[]): { late: FakeEngine[] } {
    const late: FakeEngine[] = [];
    for (const fake of fakes) {
      const before = fake.script;
      fake.script = (response, seen) => {
        if (late.length > 0) return before(response, seen);
        late.push(fake);
      };
    }
    return { late };
  }

  it('answers in its place, and the first one is aborted', async () => {
    const [router, ...fakes] = await over([answers('fine'), answers('fine')], config);
    for (let i = 0; i < 20; i += 1) await router.generate();
    const { late } = hangOnce(fakes);
    const events = await router.generate();
    expect(textOf(events)).toBe('fine');
    expect(kinds(events)).not.toContain('notice');
    expect(valueOf(events, 'answerer')?.routing?.attempts).toBe(2);
    await until(() => late[0]!.seen.at(-1)!.aborted);
  });

  it('is not asked by default, nor before it is known what is late, nor past the budget', async () => {
    for (const [told, more] of [
      [20, { hedge: 'off' }],
      [2, {}],
      [20, { hedgeShare: 0 }],
    ] as const) {
      const limits = { firstTokenTimeoutMs: 300, maxAttempts: 2, retryShare: 0, retryMinPerSecond: 0 };
      const [router, ...fakes] = await over([answers('fine'), answers('fine')], { ...config, ...limits, ...more });
      for (let i = 0; i < told; i += 1) await router.generate();
      hangOnce(fakes);
      const before = fakes.reduce((sum, fake) => sum + fake.seen.length, 0);
      await expect(router.generate()).rejects.toMatchObject({ code: 'deadline_exceeded' });
      expect(fakes.reduce((sum, fake) => sum + fake.seen.length, 0)).toBe(before + 1);
    }
  });

  it('ends with the first when the caller leaves', async () => {
    const [router, ...fakes] = await over([answers('fine'), answers('fine')], config);
    for (let i = 0; i < 20; i += 1) await router.generate();
    for (const fake of fakes) fake.script = hangs;
    const before = fakes.map((fake) => fake.seen.length);
    const caller = new AbortController();
    const call = router.generate({}, { signal: caller.signal });
    await until(() => fakes.every((fake, i) => fake.seen.length === before[i]! + 1));
    caller.abort();
    await expect(call).rejects.toMatchObject({ code: 'cancelled' });
    await until(() => fakes.every((fake) => fake.seen.at(-1)!.aborted));
  });

  it('never belongs to a provider that charges for both, unless that is wanted', async () => {
    const fakes = await Promise.all([0, 1].map(async () => kept(await startFakeEngine(answers('fine')))));
    const providers = fakes.map((fake, i) => ({ name: 'ab'[i]!, kind: 'openai' as const, base_url: `${fake.url}/v1` }));
    const models = [{ name: 'm', targets: [{ provider: 'a' }, { provider: 'b' }] }];
    for (const hedge of ['own', 'all'] as const) {
      const router = kept(
        await startRouter({ file: { providers, models }, config: { ...config, hedge, firstTokenTimeoutMs: 400 } }),
      );
      for (const fake of fakes) fake.script = answers('fine');
      for (let i = 0; i < 20; i += 1) await router.generate();
      hangOnce(fakes);
      const events = await router.generate();
      expect(textOf(events)).toBe('fine');
      // Without hedging it is the limit of time that moves the request on.
      expect(kinds(events).includes('notice')).toBe(hedge === 'own');
    }
  });
});

describe('a caller that waits for its first token', () => {
  it('is told so again and again, and then gets the answer', async () => {
    const [router, fake] = await over([hangs], { waitingEveryMs: 150 });
    let go = () => undefined as void;
    fake.script = (response, seen) => void (go = () => answers('at last')(response, seen));
    const events: router.GenerateEvent[] = [];
    for await (const event of router.client.generate(generateRequest())) {
      events.push(event);
      if (events.length === 2) go();
    }
    expect(kinds(events).slice(0, 3)).toEqual(['waiting', 'waiting', 'answerer']);
    expect(textOf(events)).toBe('at last');
    expect(fake.seen).toHaveLength(1);
  });

  it('is told nothing of that when it comes soon', async () => {
    const [router] = await over([answers('fine')]);
    expect(kinds(await router.generate())).not.toContain('waiting');
  });
});
