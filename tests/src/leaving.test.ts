import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { until, readEvents } from '@flotilla/testkit';
import { devKey, shapes, Shape } from './shape.ts';

const messages = [{ role: 'user', content: 'Tell me a long story about a fleet.' }];

describe.each(shapes)('leaving and ending on %s', (name) => {
  let shape: Shape;
  // 20 tokens a second for up to 400 tokens: an answer that is not over before the test has left.
  beforeAll(
    async () => void (shape = await Shape.start(name, { decodeTokensPerSecond: 20, answerTokens: 400 })),
    120_000,
  );
  afterAll(() => shape?.stop(), 60_000);

  const aborted = () => shape.engine.stats().aborted;

  it('a client that leaves a stream aborts the engine', async () => {
    const before = aborted();
    const leave = new AbortController();
    const response = await shape.chat({ messages, stream: true }, { signal: leave.signal });
    await response.body!.getReader().read();
    leave.abort();
    await until(() => aborted() === before + 1, { what: 'the engine to be aborted' });
  });

  it('a client that leaves before a whole answer aborts the engine', async () => {
    const before = aborted();
    const leave = new AbortController();
    const answer = shape.chat({ messages }, { signal: leave.signal }).catch(() => undefined);
    await until(() => shape.engine.stats().running === 1, { what: 'the engine to be asked' });
    leave.abort();
    await answer;
    await until(() => aborted() === before + 1, { what: 'the engine to be aborted' });
  });

  it('a chat over WebSocket streams the same chunks, several at once, and stops when told to', async () => {
    const before = aborted();
    const socket = new WebSocket(`${shape.url.replace('http', 'ws')}/v1/chat/ws`, [`flotilla.bearer.${devKey}`]);
    const events: {
      id?: string;
      type: string;
      data?: { object: string; choices: { delta: { content?: string } }[] };
    }[] = [];
    socket.onmessage = (message) => events.push(JSON.parse(String(message.data)) as (typeof events)[number]);
    await new Promise((resolve, reject) => {
      socket.onopen = resolve;
      socket.onerror = () => reject(new Error('the socket did not open'));
    });
    const send = (event: object) => socket.send(JSON.stringify(event));
    const body = { model: 'flotilla-sim', messages, max_tokens: 400 };
    send({ type: 'chat', id: 'long', body });
    send({ type: 'chat', id: 'short', body: { ...body, max_tokens: 3 } });
    await until(() => events.some((event) => event.id === 'short' && event.type === 'done'), {
      what: 'the short chat to end',
    });
    const chunks = events.filter((event) => event.id === 'short' && event.type === 'chunk');
    expect(chunks[0]?.data?.object).toBe('chat.completion.chunk');
    expect(events.some((event) => event.id === 'long' && event.type === 'chunk')).toBe(true);

    send({ type: 'cancel', id: 'long' });
    await until(() => aborted() === before + 1, { what: 'the engine to be aborted' });
    send({ type: 'chat', id: 'wrong', body: { model: 'flotilla-sim', messages: [] } });
    await until(() => events.some((event) => event.id === 'wrong' && event.type === 'error'), {
      what: 'a clear error',
    });
    socket.close();
  });

  it('an engine that is cut mid-stream gives an error event and no [DONE]', async () => {
    await shape.setFault({ fault: 'cut:8', count: 1 });
    const { events, done } = await readEvents(await shape.chat({ messages, stream: true, max_tokens: 20 }));
    expect(done).toBe(false);
    expect(events.at(-1)).toMatchObject({ error: { code: 'engine_error' } });
  });

  it('an engine that fails before the first token is answered with a clear error', async () => {
    await shape.setFault({ fault: '500', count: 10 });
    const response = await shape.chat({ messages, max_tokens: 5 });
    await shape.clearFaults();
    expect(response.status).toBe(502);
    expect(await response.json()).toMatchObject({ error: { code: 'engine_error' } });
  });

  it('SIGTERM lets a stream finish and refuses new ones', async () => {
    const response = await shape.chat({ messages, stream: true, max_tokens: 40 });
    const reading = readEvents(response);
    await until(() => shape.engine.stats().running === 1, { what: 'the stream to run' });
    const ended = shape.mesh ? shape.mesh.terminate('gateway') : shape.process!.stop();
    const { events, done } = await reading;
    expect(done).toBe(true);
    expect(events.length).toBeGreaterThan(20);
    await ended;
    await expect(shape.chat({ messages, max_tokens: 5 })).rejects.toThrow();
  });
});
