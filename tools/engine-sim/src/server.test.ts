import { afterEach, describe, expect, it } from '@jest/globals';
import { startEngineSim, type EngineSim, type SimOptions } from './index.ts';

let sim: EngineSim;

async function start(options: Partial<SimOptions> = {}): Promise<void> {
  sim = await startEngineSim(options);
}

afterEach(() => sim.stop());

const post = (path: string, body: unknown, init: RequestInit = {}) =>
  fetch(sim.url + path, {
    ...init,
    method: 'POST',
    headers: { 'content-type': 'application/json', ...init.headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });

const user = (content: string) => [{ role: 'user', content }];

async function chat(body: object): Promise<any> {
  const response = await post('/v1/chat/completions', { model: sim.model, ...body });
  expect(response.status).toBe(200);
  return response.json();
}

async function streamed(body: object, init?: RequestInit): Promise<any[]> {
  const response = await post('/v1/chat/completions', { model: sim.model, stream: true, ...body }, init);
  const frames = (await response.text()).split('\n\n').filter(Boolean);
  expect(frames.pop()).toBe('data: [DONE]');
  return frames.map((frame) => JSON.parse(frame.slice('data: '.length)));
}

async function until(what: () => boolean): Promise<void> {
  for (let tries = 0; tries < 500 && !what(); tries += 1) await new Promise((resolve) => setTimeout(resolve, 10));
  expect(what()).toBe(true);
}

describe('chat completions', () => {
  it('answer with text and usage that adds up', async () => {
    await start();
    const { object, choices, usage } = await chat({ messages: user('Say hello there') });
    expect(object).toBe('chat.completion');
    expect(choices[0].message).toMatchObject({ role: 'assistant', content: 'hello there' });
    expect(choices[0].finish_reason).toBe('stop');
    expect(usage.total_tokens).toBe(usage.prompt_tokens + usage.completion_tokens);
  });

  it('stream the same text as they answer whole: role first, deltas, finish, usage, [DONE]', async () => {
    await start();
    const body = { messages: user('What is a lease?') };
    const whole = await chat(body);
    const chunks = await streamed({ ...body, stream_options: { include_usage: true } });
    expect(chunks[0].choices[0].delta).toEqual({ role: 'assistant', content: '' });
    expect(chunks.map(({ choices }) => choices[0]?.delta.content ?? '').join('')).toBe(
      whole.choices[0].message.content,
    );
    expect(chunks.at(-2).choices[0]).toMatchObject({ delta: {}, finish_reason: 'stop' });
    expect(chunks.at(-1)).toMatchObject({ choices: [], usage: { completion_tokens: whole.usage.completion_tokens } });
  });

  it('tell in each chunk what was used so far, when asked', async () => {
    await start();
    const options = { include_usage: true, continuous_usage_stats: true };
    const chunks = await streamed({ messages: user('Count to 10'), max_tokens: 4, stream_options: options });
    const tokens = chunks.map(({ usage }: { usage: { completion_tokens: number } }) => usage.completion_tokens);
    expect(tokens).toEqual([0, 1, 2, 3, 4, 4, 4]);
    const prompts = chunks.map(({ usage }: { usage: { prompt_tokens: number } }) => usage.prompt_tokens);
    expect(new Set(prompts).size).toBe(1);
  });

  it('give n choices, in one answer and in a stream', async () => {
    await start();
    const { choices } = await chat({ messages: user('Say a'), n: 3 });
    expect(choices.map(({ index }: { index: number }) => index)).toEqual([0, 1, 2]);
    const chunks = await streamed({ messages: user('Say a'), n: 2 });
    expect(chunks.filter(({ choices }) => choices[0]?.finish_reason === 'stop')).toHaveLength(2);
  });

  it('end at max_tokens with length, and at a stop string with stop', async () => {
    await start();
    const cut = await chat({ messages: user('Count to 100'), max_completion_tokens: 5 });
    expect(cut.choices[0].finish_reason).toBe('length');
    expect(cut.usage.completion_tokens).toBe(5);
    const stopped = await chat({ messages: user('Count to 100'), stop: [' 4,'] });
    expect(stopped.choices[0]).toMatchObject({
      message: { content: '1, 2, 3,' },
      finish_reason: 'stop',
      stop_reason: ' 4,',
    });
  });

  it('go on with a last message that is left open, and say the same in all', async () => {
    await start();
    const messages = user('Count to 30');
    const whole = (await chat({ messages })).choices[0].message.content as string;
    for (const at of [1, 8, 17, whole.length - 1]) {
      const open = [...messages, { role: 'assistant', content: whole.slice(0, at).trimEnd() }];
      const body = { messages: open, continue_final_message: true, add_generation_prompt: false };
      const { choices, usage } = await chat(body);
      expect(whole.slice(0, at).trimEnd() + choices[0].message.content).toBe(whole);
      expect(usage.prompt_tokens).toBeGreaterThanOrEqual((await chat({ messages })).usage.prompt_tokens);
    }
    const both = await post('/v1/chat/completions', { messages, continue_final_message: true });
    expect(both.status).toBe(400);
  });

  it('fill up to max_tokens when told to ignore the end', async () => {
    await start();
    const { usage, choices } = await chat({ messages: user('Say hi'), max_tokens: 200, ignore_eos: true });
    expect(usage.completion_tokens).toBe(200);
    expect(choices[0].message.content).toMatch(/^hi /);
  });

  it('call the tool the question is about with arguments that satisfy its schema, whole and streamed', async () => {
    await start();
    const parameters = {
      type: 'object',
      properties: { city: { type: 'string' }, unit: { type: 'string', enum: ['celsius', 'fahrenheit'] } },
      required: ['city', 'unit'],
    };
    const tools = [
      {
        type: 'function',
        function: { name: 'send_mail', description: 'Sends a mail', parameters: { type: 'object' } },
      },
      { type: 'function', function: { name: 'get_weather', description: 'Current weather of a city', parameters } },
    ];
    const messages = user('How is the weather in Paris in fahrenheit?');
    const { choices } = await chat({ messages, tools });
    expect(choices[0].finish_reason).toBe('tool_calls');
    const [call] = choices[0].message.tool_calls;
    expect(call.function.name).toBe('get_weather');
    expect(JSON.parse(call.function.arguments)).toEqual({ city: 'Paris', unit: 'fahrenheit' });

    const deltas = (await streamed({ messages, tools })).flatMap(({ choices }) => choices[0].delta.tool_calls ?? []);
    expect(deltas[0]).toMatchObject({ index: 0, type: 'function', function: { name: 'get_weather' } });
    expect(deltas.map((delta) => delta.function.arguments).join('')).toBe(call.function.arguments);

    const turn = [{ role: 'assistant', content: null, tool_calls: [call] }];
    const after = await chat({
      tools,
      messages: [...messages, ...turn, { role: 'tool', tool_call_id: call.id, content: '18 degrees' }],
    });
    expect(after.choices[0].message.content).toBe('get_weather answered: 18 degrees');
    const other = await chat({ messages: user('Tell me a joke'), tools });
    expect(other.choices[0].finish_reason).toBe('stop');
    const forced = await chat({
      messages: user('A joke'),
      tools,
      tool_choice: { type: 'function', function: { name: 'send_mail' } },
    });
    expect(forced.choices[0].message.tool_calls[0].function.name).toBe('send_mail');
  });

  it('answer in JSON when asked to', async () => {
    await start();
    const free = await chat({ messages: user('Anything'), response_format: { type: 'json_object' } });
    expect(JSON.parse(free.choices[0].message.content)).toHaveProperty('answer');
    const schema = { type: 'object', properties: { age: { type: 'integer', minimum: 18 } }, required: ['age'] };
    for (const form of [
      { guided_json: schema },
      { response_format: { type: 'json_schema', json_schema: { name: 'a', schema } } },
    ]) {
      const { choices } = await chat({ messages: user('Someone of 7'), ...form });
      expect(JSON.parse(choices[0].message.content)).toEqual({ age: 18 });
    }
  });
});

describe('other routes', () => {
  it('complete prompts and echo them', async () => {
    await start();
    const response = await post('/v1/completions', { prompt: ['Say yes', 'Say no'], echo: true });
    const { choices, object } = (await response.json()) as any;
    expect(object).toBe('text_completion');
    expect(choices.map(({ text }: { text: string }) => text)).toEqual(['Say yes yes', 'Say no no']);
  });

  it('embed: unit length, base64 for the official clients, similar texts nearer', async () => {
    await start();
    const ask = async (body: object) =>
      (await (await post('/v1/embeddings', { model: sim.embeddingModel, ...body })).json()) as any;
    const { data } = await ask({
      input: ['vacation days of employees', 'how many vacation days do I get', 'the GPU fleet is healthy'],
    });
    const dot = (a: number[], b: number[]) => a.reduce((sum, value, i) => sum + value * b[i]!, 0);
    const [one, near, far] = data.map(({ embedding }: { embedding: number[] }) => embedding);
    expect(one).toHaveLength(384);
    expect(dot(one, one)).toBeCloseTo(1, 5);
    expect(dot(one, near)).toBeGreaterThan(dot(one, far) + 0.3);
    const packed = (await ask({ input: 'vacation days of employees', encoding_format: 'base64' })).data[0].embedding;
    expect(Array.from(new Float32Array(new Uint8Array(Buffer.from(packed, 'base64')).buffer))).toEqual(one);
  });

  it('tell the models, load and unload LoRA adapters', async () => {
    await start();
    const names = async () =>
      ((await (await fetch(`${sim.url}/v1/models`)).json()) as any).data.map(({ id }: { id: string }) => id);
    expect(await names()).toEqual(['flotilla-sim', 'flotilla-sim-embed']);
    await post('/v1/load_lora_adapter', { lora_name: 'sql', lora_path: '/adapters/sql' });
    expect(await names()).toContain('sql');
    expect((await chat({ model: 'sql', messages: user('Say hi') })).model).toBe('sql');
    await post('/v1/unload_lora_adapter', { lora_name: 'sql' });
    expect(await names()).not.toContain('sql');
    expect((await post('/v1/unload_lora_adapter', { lora_name: 'sql' })).status).toBe(404);
  });

  it('have the LoRA adapters they were started with, or do not start', async () => {
    await start({ loraModules: 'sql=/adapters/sql,law=/adapters/law' });
    const { data } = (await (await fetch(`${sim.url}/v1/models`)).json()) as { data: { id: string; root: string }[] };
    expect(data.filter(({ root }) => root.startsWith('/adapters')).map(({ id }) => id)).toEqual(['sql', 'law']);
    await expect(startEngineSim({ loraModules: 'sql' })).rejects.toThrow('"sql" is not name=path');
  });

  it('end once what is under way is done, though clients keep their connections', async () => {
    await start({ decodeTokensPerSecond: 200 });
    const answer = post('/v1/completions', { prompt: 'hi', max_tokens: 40, ignore_eos: true });
    await until(() => sim.stats().running === 1);
    await sim.stop(120_000);
    expect((await answer).status).toBe(200);
  });

  it('sleep and wake', async () => {
    await start();
    await post('/sleep?level=1', '');
    expect(await (await fetch(`${sim.url}/is_sleeping`)).json()).toEqual({ is_sleeping: true });
    expect((await post('/v1/chat/completions', { messages: user('hi') })).status).toBe(503);
    await post('/wake_up', '');
    expect((await post('/v1/chat/completions', { messages: user('hi') })).status).toBe(200);
  });

  it('answer noise after a deep sleep until their weights are loaded anew', async () => {
    await start();
    const say = async () => (await chat({ messages: user('Say hello') })).choices[0].message.content;
    const sleeping = async () => await (await fetch(`${sim.url}/is_sleeping`)).json();
    await post('/sleep?level=2', '');
    expect(await (await fetch(`${sim.url}/metrics`)).text()).toMatch(/sleep_state="discard_all"} 1$/m);
    await post('/wake_up', '');
    expect(await say()).toBe('!!!!!!!!!!!!');

    await post('/sleep?level=2', '');
    expect((await post('/collective_rpc', { method: 'reload_weights' })).status).toBe(400);
    await post('/wake_up?tags=weights', '');
    expect(await sleeping()).toEqual({ is_sleeping: true });
    await post('/collective_rpc', { method: 'reload_weights' });
    await post('/wake_up?tags=kv_cache', '');
    expect(await sleeping()).toEqual({ is_sleeping: false });
    expect(await say()).toBe('hello');
  });

  it('sleep no deeper than they already do', async () => {
    await start();
    await post('/sleep?level=1', '');
    await post('/sleep?level=2', '');
    expect(await (await fetch(`${sim.url}/metrics`)).text()).toMatch(/sleep_state="weights_offloaded"} 1$/m);
  });

  it('do not find adapters where there are none', async () => {
    await start();
    const answer = await post('/v1/load_lora_adapter', { lora_name: 'x', lora_path: '/adapters/missing' });
    expect(answer.status).toBe(404);
    expect(await answer.text()).toContain('No adapter found for /adapters/missing');
  });

  it('count what was done in metrics of vLLM by name', async () => {
    await start();
    await chat({ messages: user('Say one two three') });
    const text = await (await fetch(`${sim.url}/metrics`)).text();
    const labels = String.raw`\{model_name="flotilla-sim",engine="0"`;
    expect(text).toMatch(new RegExp(`^vllm:num_requests_running${labels}} 0$`, 'm'));
    expect(text).toMatch(new RegExp(`^vllm:request_success_total${labels},finished_reason="stop"} 1$`, 'm'));
    expect(text).toMatch(new RegExp(`^vllm:generation_tokens_total${labels}} [1-9]`, 'm'));
    expect(text).toMatch(new RegExp(`^vllm:time_to_first_token_seconds_count${labels}} 1$`, 'm'));
  });

  it('count prompt tokens the prefix cache held', async () => {
    await start();
    const system = { role: 'system', content: 'You are a patient teacher of history. '.repeat(20) };
    const first = await chat({ messages: [system, ...user('Say a')] });
    const second = await chat({ messages: [system, ...user('Say b')] });
    expect(first.usage.prompt_tokens_details.cached_tokens).toBe(0);
    expect(second.usage.prompt_tokens_details.cached_tokens).toBeGreaterThan(100);
  });
});

describe('bad requests', () => {
  it.each([
    ['malformed JSON', '{"messages": [', 400, 'BadRequestError'],
    ['no messages', { messages: [] }, 400, 'BadRequestError'],
    ['a wrong type', { messages: 'hi' }, 400, 'BadRequestError'],
    ['no tokens', { messages: user('hi'), max_tokens: 0 }, 400, 'BadRequestError'],
    ['more than the context window', { messages: user('hi'), max_tokens: 100_000 }, 400, 'BadRequestError'],
    ['an unknown model', { model: 'nobody', messages: user('hi') }, 404, 'NotFoundError'],
    ['an embedding model', { model: 'flotilla-sim-embed', messages: user('hi') }, 400, 'BadRequestError'],
  ])('say what is wrong: %s', async (_name, body, status, type) => {
    await start();
    const response = await post('/v1/chat/completions', body);
    expect(response.status).toBe(status);
    expect(((await response.json()) as any).error).toMatchObject({ type, code: status, message: expect.any(String) });
  });

  it('ask for the key when one is set, and let probes pass', async () => {
    await start({ apiKey: 'k' });
    expect((await post('/v1/chat/completions', { messages: user('hi') })).status).toBe(401);
    expect(
      (await post('/v1/chat/completions', { messages: user('hi') }, { headers: { authorization: 'Bearer k' } })).status,
    ).toBe(200);
    expect((await fetch(`${sim.url}/health`)).status).toBe(200);
  });

  it('know no other routes and methods', async () => {
    await start();
    expect((await fetch(`${sim.url}/v1/nothing`)).status).toBe(404);
    expect((await fetch(`${sim.url}/v1/chat/completions`)).status).toBe(405);
  });
});

describe('a client that leaves', () => {
  it.each([true, false])('aborts the generation (stream: %s)', async (stream) => {
    await start({ decodeTokensPerSecond: 50 });
    const leave = new AbortController();
    const request = post(
      '/v1/chat/completions',
      { messages: user('Count to 1000'), stream },
      { signal: leave.signal },
    ).then((response) => response.text());
    request.catch(() => undefined);
    await until(() => sim.stats().running === 1);
    leave.abort();
    await until(() => sim.stats().aborted === 1);
    expect(sim.stats()).toMatchObject({ running: 0, served: 0, requests: [{ outcome: 'aborted' }] });
    const metrics = await (await fetch(`${sim.url}/metrics`)).text();
    expect(metrics).toMatch(/finished_reason="abort"} 1/);
    expect(metrics).toMatch(/kv_cache_usage_perc\S+ 0$/m);
  });
});

describe('faults', () => {
  const ask = (fault: string, body: object = {}) =>
    post('/v1/chat/completions', { messages: user('Count to 50'), ...body }, { headers: { 'x-sim-fault': fault } });

  it('500 fails, slow is late but right, dead breaks the connection', async () => {
    await start();
    expect((await ask('500')).status).toBe(500);
    expect((await ask('slow:20')).status).toBe(200);
    await expect(ask('dead')).rejects.toThrow();
    expect((await ask('nonsense')).status).toBe(400);
  });

  it('cut breaks a stream after so many tokens, without [DONE]', async () => {
    await start();
    const response = await ask('cut:3', { stream: true });
    let text = '';
    const decoder = new TextDecoder();
    await expect(
      (async () => {
        for await (const part of response.body!) text += decoder.decode(part as Uint8Array);
      })(),
    ).rejects.toThrow();
    expect(text.match(/"content":"[^"]+"/g)).toHaveLength(3);
    expect(text).not.toContain('[DONE]');
  });

  it('set by admin call hit as many requests as told', async () => {
    await start();
    await post('/sim/faults', { fault: '500', count: 1 });
    expect((await fetch(`${sim.url}/v1/models`)).status).toBe(200);
    expect((await post('/v1/chat/completions', { messages: user('hi') })).status).toBe(500);
    expect((await post('/v1/chat/completions', { messages: user('hi') })).status).toBe(200);
    expect((await post('/sim/faults', { fault: 'no such' })).status).toBe(400);
  });

  it('a dead engine fails its health until it is healed', async () => {
    await start();
    await post('/sim/faults', { fault: 'dead' });
    expect((await fetch(`${sim.url}/health`)).status).toBe(503);
    await expect(post('/v1/chat/completions', { messages: user('hi') })).rejects.toThrow();
    await fetch(`${sim.url}/sim/faults`, { method: 'DELETE' });
    expect((await fetch(`${sim.url}/health`)).status).toBe(200);
  });
});
