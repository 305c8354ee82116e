import { describe, expect, it } from '@jest/globals';
import { createFakeClock } from '@flotilla/testkit';
import { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import { SseResponse } from '../http/sse-response.ts';
import { MemoryBudget } from './memory-budget.ts';
import { RecordedResponse } from './recorded-response.ts';
import { Recording } from './recording.ts';

function setUp(limit = 1_000_000) {
  const recording = new Recording(limit, new MemoryBudget(10_000_000));
  const response = new RecordedResponse(new IncomingMessage(new Socket()), recording);
  const events: string[] = [];
  for (const name of ['finish', 'close', 'drain']) response.on(name, () => events.push(name));
  return { recording, response, events };
}
const text = (bytes: Uint8Array | undefined) => bytes && Buffer.from(bytes).toString();

describe('a response that is recorded', () => {
  it('takes what is written as any response does', () => {
    const { recording, response, events } = setUp();
    expect(response.headersSent).toBe(false);
    response.writeHead(201, ['x-a', '1', 'x-b', '2']);
    expect(response.headersSent).toBe(true);
    response.write('one');
    response.end(Buffer.from('two'));
    expect(recording.answer()).toMatchObject({ status: 201, headers: ['x-a', '1', 'x-b', '2'] });
    expect(text(recording.answer()!.body)).toBe('onetwo');
    expect(response.writableFinished).toBe(true);
    expect(events).toEqual(['finish', 'close']);
    response.destroy();
    expect(recording.end).toBe('whole');
    expect(response.write('late')).toBe(false);
  });

  it('also takes headers as an object, and none at all', () => {
    const named = setUp();
    named.response.writeHead(200, 'Fine', { 'x-a': 1 });
    named.response.end();
    expect(named.recording.answer()).toMatchObject({ status: 200, headers: ['x-a', '1'] });
    const bare = setUp();
    bare.response.end('x');
    expect(bare.recording.answer()).toMatchObject({ status: 200, headers: [] });
  });

  it('is cut when it is destroyed before its end', () => {
    const { recording, response, events } = setUp();
    response.write('one');
    response.destroy();
    expect(recording.end).toBe('cut');
    expect(response.writableFinished).toBe(false);
    expect(events).toEqual(['close']);
  });

  it('makes a stream wait for its fastest reader, and ends one that nobody reads on', async () => {
    const { recording, response } = setUp();
    const clock = createFakeClock();
    const sse = new SseResponse(response, clock, 1_000);
    const reader = recording.read(() => undefined);
    sse.open([]);
    sse.write('x'.repeat(300_000));
    const drained = sse.drained();
    expect(drained).toBeDefined();
    reader.take();
    await drained;
    expect(sse.drained()).toBeUndefined();
    sse.write('x'.repeat(300_000));
    const stalled = sse.drained();
    clock.advance(1_000);
    await stalled;
    expect(recording.end).toBe('cut');
    expect(clock.pending).toBe(0);
  });
});
