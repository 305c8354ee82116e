import { afterEach, describe, expect, it } from '@jest/globals';
import { startEngineSim } from '@flotilla/engine-sim';
import { until } from '@flotilla/testkit';
import fc from 'fast-check';
import type { RouterConfig } from '../config.ts';
import { chunk, sse, startFakeEngine, type FakeEngine, type Script } from '../fake-engine.fixture.ts';
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

const open: { stop(): Promise<void> }[] = [];
afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one.stop();
});
const kept = <T extends { stop(): Promise<void> }>(one: T): T => {
  open.push(one);
  return one;
};

const used = (prompt_tokens: number, completion_tokens: number) => ({ usage: { prompt_tokens, completion_tokens } });

/**
 * Engines that all say `text`, a character a piece and a token each, and go on behind an open last message; the first
 * `cuts` of all requests break after so many pieces.
 */
function tellers(text: string, cuts: number[]): Script {
  return (response, { body }) => {
    const said = body.continue_final_message ? (body.messages.at(-1).content as string).trim() : '';
    const cut = cuts.shift() ?? Infinity;
    const pieces = text.slice(said.length).split('').slice(0, body.max_tokens);
    const whole = said.length + pieces.length === text.length;
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write(sse(chunk({ delta: { role: 'assistant', content: '' } }, used(5 + said.length, 0))));
    pieces.slice(0, cut).forEach((content, i) => {
      response.write(sse(chunk({ delta: { content } }, used(5 + said.length, i + 1))));
    });
    if (cut <= pieces.length) return void setImmediate(() => response.destroy());
    response.write(sse(chunk({ delta: {}, finish_reason: whole ? 'stop' : 'length' })));
    response.end(sse({ choices: [], ...used(5 + said.length, pieces.length) }) + sse('[DONE]'));
  };
}

async function over(script: Script, count = 2, config: Partial<RouterConfig> = {}): Promise<[Started, FakeEngine[]]> {
  const fakes = await Promise.all(Array.from({ length: count }, async () => kept(await startFakeEngine(script))));
  const engines = fakes.map((fake, i) => engine(`e${i}`, `${fake.url}/v1`, ['m']));
  return [kept(await startRouter({ engines, config })), fakes];
}

describe('an answer whose engine fails after the first token', () => {
  it('goes on at another engine of the model, exactly where it broke', async () => {
    const [router, fakes] = await over(tellers('Hello big world', [7]));
    const events = await router.generate({ maxTokens: 50 });
    expect(textOf(events)).toBe('Hello big world');
    expect(kinds(events).at(-1)).toBe('finished');
    expect(valueOf(events, 'notice')?.code).toBe('continued');
    expect(choicesOf(events).filter(({ role }) => role !== '')).toHaveLength(1);
    // What the first one generated, and what the second one did: the blank at the seam was generated twice or not at all.
    const { usage } = valueOf(events, 'finished')!;
    expect(usage).toMatchObject({ promptTokens: 5, completionTokens: 15, estimated: false });
    const second = fakes.flatMap((fake) => fake.seen).find((seen) => seen.body.continue_final_message);
    expect(second?.body).toMatchObject({ add_generation_prompt: false, max_tokens: 43 });
    expect(second?.body.messages.at(-1)).toEqual({ role: 'assistant', content: 'Hello b' });
  });

  it('says its text once, whatever it is and wherever it was cut, twice too', async () => {
    let script: Script = () => undefined;
    const [router] = await over((response, seen) => script(response, seen), 3, { retryMinPerSecond: 1_000 });
    const words = fc.array(fc.constantFrom('a', 'word', ' ', '\n\n', '😀', '"q"', '\\', '你'), {
      minLength: 1,
      maxLength: 12,
    });
    await fc.assert(
      fc.asyncProperty(words, fc.nat(30), fc.nat(30), async (list, first, second) => {
        const text = `x${list.join('')}`;
        const cuts = [1 + (first % text.length), second];
        script = tellers(text, [...cuts]);
        const events = await router.generate();
        expect(textOf(events)).toBe(text);
        expect(kinds(events).at(-1)).toBe('finished');
      }),
      { numRuns: 60 },
    );
  });

  it('goes on at an engine of vLLM’s kind as it would have gone on at the first', async () => {
    const sims = await Promise.all([0, 1].map(async () => kept(await startEngineSim({ decodeTokensPerSecond: 0 }))));
    const engines = sims.map((sim, i) => engine(`e${i}`, `${sim.url}/v1`, [sim.model]));
    const router = kept(await startRouter({ engines }));
    const request = { model: sims[0]!.model, messages: generateRequest().messages };
    request.messages = [{ ...request.messages[0]!, content: 'Count to 60' }];
    const whole = await router.generate(request);
    for (const tokens of [1, 20, 77]) {
      // Whichever is asked first breaks; the other one heals before it is asked.
      const faults = sims.map((sim) => `${sim.url}/sim/faults`);
      for (const url of faults) await fetch(url, { method: 'POST', body: JSON.stringify({ fault: `cut:${tokens}` }) });
      const events: Awaited<ReturnType<Started['generate']>> = [];
      for await (const event of router.client.generate(generateRequest(request))) {
        if (events.length === 0) for (const url of faults) await fetch(url, { method: 'DELETE' });
        events.push(event);
      }
      expect(textOf(events)).toBe(textOf(whole));
      expect(valueOf(events, 'finished')?.usage).toEqual(valueOf(whole, 'finished')?.usage);
    }
  });

  it('ends well when nothing was left to say within its limit', async () => {
    const [router, fakes] = await over(tellers('Hello world', [5]));
    const events = await router.generate({ maxTokens: 5 });
    expect(textOf(events)).toBe('Hello');
    expect(choicesOf(events).at(-1)?.finishReason).toBe('length');
    expect(valueOf(events, 'finished')?.usage?.completionTokens).toBe(5);
    expect(fakes.flatMap((fake) => fake.seen)).toHaveLength(1);
  });

  it('ends with the failure when it breaks more often than it may go on', async () => {
    const [router, fakes] = await over(tellers('Hello big world', [2, 2, 2]), 4, { continueAnswers: 1 });
    const events = await router.generate();
    expect(textOf(events)).toBe('Hell');
    expect(kinds(events).at(-1)).toBe('failure');
    expect(fakes.flatMap((fake) => fake.seen)).toHaveLength(2);
  });

  it('ends with the failure when the second engine says something else', async () => {
    let calls = 0;
    const [router] = await over((response, seen) =>
      ++calls === 1 ? tellers('Hello  world', [6])(response, seen) : tellers('Hello\n\nworld', [])(response, seen),
    );
    const events = await router.generate();
    expect(textOf(events)).toBe('Hello ');
    expect(kinds(events).at(-1)).toBe('failure');
  });

  it.each([
    ['tools', { parametersJson: '{"tools":[{"type":"function","function":{"name":"f"}}]}' }],
    ['JSON', { parametersJson: '{"response_format":{"type":"json_object"}}' }],
    ['logprobs', { parametersJson: '{"logprobs":true}' }],
    ['two choices', { parametersJson: '{"n":2}' }],
  ])('ends with the failure when it asked for %s', async (_, request) => {
    const [router, fakes] = await over(tellers('Hello world', [5]));
    expect(kinds(await router.generate(request)).at(-1)).toBe('failure');
    expect(fakes.flatMap((fake) => fake.seen)).toHaveLength(1);
  });

  it('never goes on at another model, nor at an engine that cannot take it up', async () => {
    const fakes = [
      kept(await startFakeEngine(tellers('Hello world', [5]))),
      kept(await startFakeEngine(tellers('no', []))),
    ];
    const urls = fakes.map((fake) => `${fake.url}/v1`);
    const provider = (name: string, kind: 'vllm' | 'openai', base_url: string) => ({ name, kind, base_url });
    const models = [{ name: 'm', targets: [{ provider: 'a', model: 'm' }], fallbacks: ['b/n', 'c/m'] }];
    const providers = [
      provider('a', 'vllm', urls[0]!),
      provider('b', 'vllm', urls[1]!),
      provider('c', 'openai', urls[1]!),
    ];
    const router = kept(await startRouter({ file: { providers, models } }));
    expect(kinds(await router.generate()).at(-1)).toBe('failure');
    expect(fakes[1]!.seen).toHaveLength(0);
  });

  it('ends at the second engine too when the caller leaves', async () => {
    let calls = 0;
    const [router, fakes] = await over((response, seen) => {
      if (++calls === 1) return tellers('Hello world', [5])(response, seen);
      response.writeHead(200).write(sse(chunk({ delta: { content: ' wor' } })));
    });
    const stream = router.client.generate(generateRequest())[Symbol.asyncIterator]();
    let text = '';
    while (text !== 'Hello wor') text += textOf([(await stream.next()).value!]);
    await stream.return!();
    const second = fakes.flatMap((fake) => fake.seen).find((seen) => seen.body.continue_final_message)!;
    await until(() => second.aborted);
  });
});
