import fc from 'fast-check';
import { describe, expect, it } from '@jest/globals';
import { link, router, safety } from '@flotilla/contracts';
import { FlotillaError } from '@flotilla/kernel';
import { readBatch, type FrameSink } from './batch-reader.ts';
import { BatchWriter } from './batch-writer.ts';
import { decodeMessage } from './codec.ts';
import { DeadlineWheel } from './deadlines.ts';
import { InFlight } from './in-flight.ts';
import { ClientLink } from './link-client.ts';
import { LinkServer } from './link-server.ts';
import { Router } from './router.ts';
import { event, guard, routerThat, safetyThat } from './suite-services.ts';

/** What a sink was given, in the form of the generated types. */
function framesOf(batch: Uint8Array): unknown[] {
  const frames: unknown[] = [];
  const sink: FrameSink = {
    onStart: (callId, { request: { reader, position, length }, ...start }) => {
      reader.pos = position;
      const request = decodeMessage(safety.GuardRequest, reader, length);
      frames.push({ callId, start: { ...start, metadata: { ...start.metadata }, request } });
    },
    onMessage: (callId, reader, length) =>
      frames.push({ callId, message: decodeMessage(safety.GuardRequest, reader, length) }),
    onEnd: (callId) => frames.push({ callId, end: true }),
    onCancel: (callId) => frames.push({ callId, cancel: true }),
    onCredit: (callId, bytes) => frames.push({ callId, credit: bytes }),
    onGoaway: (reason) => frames.push({ goaway: reason }),
    onError: (callId, { code, message, details }, notStarted) =>
      frames.push({ callId, error: { code, message, details, notStarted } }),
  };
  readBatch(batch, sink);
  return frames;
}

const callId = fc.integer({ min: 1, max: 0xffff_ffff });
const text = fc.string({ unit: 'binary', maxLength: 200 });
// The generated code loses the key __proto__; the hand-written reader does not.
const key = fc.string({ minLength: 1, maxLength: 20 }).filter((name) => name !== '__proto__');
const metadata = fc.dictionary(key, text, { maxKeys: 4 });

describe('the frames of a link', () => {
  it('are what link.proto says, written by hand and read by the generated code', () => {
    fc.assert(
      fc.property(callId, text, metadata, fc.nat(1e9), (id, content, pairs, number) => {
        const writer = new BatchWriter();
        const start = { method: '/a.B/C', methodId: 7, timeoutMs: number, traceparent: '00-x', initialCredit: number };
        writer.start(id, { ...start, metadata: pairs }, safety.GuardRequest, guard(content));
        const size = writer.message(id, safety.GuardRequest, guard(content));
        writer.end(id);
        writer.cancel(id);
        writer.credit(id, number);
        writer.error(id, new FlotillaError('overloaded', content || undefined, { details: { param: content } }), true);
        writer.goaway(content);
        const { frames } = link.Batch.decode(writer.take());
        const request = Buffer.from(safety.GuardRequest.encode(guard(content)).finish());
        expect(size).toBe(request.length);
        const [first, second] = frames;
        expect(first).toMatchObject({ callId: id, kind: { $case: 'start', value: { ...start, request } } });
        expect({ ...(first!.kind!.value as link.Start).metadata }).toEqual({ ...pairs });
        expect(second).toEqual({ callId: id, kind: { $case: 'message', value: request } });
        expect(frames.slice(2).map((frame) => frame.kind?.$case)).toEqual([
          'end',
          'cancel',
          'credit',
          'error',
          'goaway',
        ]);
        expect(frames[4]!.kind!.value).toBe(number);
        expect(frames[5]!.kind!.value).toMatchObject({ code: 'overloaded', notStarted: true });
      }),
    );
  });

  it('are read by hand as the generated code wrote them', () => {
    fc.assert(
      fc.property(callId, text, metadata, fc.integer({ min: 1, max: 1e9 }), (id, content, pairs, number) => {
        const request = Buffer.from(safety.GuardRequest.encode(guard(content)).finish());
        const start = { method: '/a.B/C', methodId: 7, timeoutMs: number, traceparent: 'tp', initialCredit: number };
        const error = { code: 'overloaded', message: content, detailsJson: '{"param":"p"}', notStarted: true };
        const kinds: link.Frame['kind'][] = [
          { $case: 'start', value: { ...start, metadata: pairs, request } },
          { $case: 'message', value: request },
          { $case: 'end', value: {} },
          { $case: 'cancel', value: { reason: content } },
          { $case: 'credit', value: number },
          { $case: 'error', value: error },
          { $case: 'goaway', value: { reason: content } },
        ];
        const batch = link.Batch.encode({ frames: kinds.map((kind) => ({ callId: id, kind })) }).finish();
        expect(framesOf(batch)).toEqual([
          { callId: id, start: { ...start, metadata: { ...pairs }, request: guard(content) } },
          { callId: id, message: guard(content) },
          { callId: id, end: true },
          { callId: id, cancel: true },
          { callId: id, credit: number },
          {
            callId: id,
            error: {
              code: 'overloaded',
              message: content || new FlotillaError('overloaded').message,
              details: { param: 'p' },
              notStarted: true,
            },
          },
          { goaway: content },
        ]);
      }),
    );
  });

  it('leave nothing of a message that cannot be encoded', () => {
    const writer = new BatchWriter();
    writer.end(1);
    const before = writer.size;
    const wrong = { model: 'm', maxTokens: -1 } as unknown as router.GenerateRequest;
    expect(() => writer.message(2, router.GenerateRequest, wrong)).toThrow();
    expect(writer.size).toBe(before);
    writer.end(3);
    expect(framesOf(writer.take())).toEqual([
      { callId: 1, end: true },
      { callId: 3, end: true },
    ]);
  });
});

/** Batches that begin as good ones: frames of any kind in any order, then possibly broken. */
const anyFrame = fc.record({
  callId: fc.integer({ min: 0, max: 5 }),
  kind: fc.oneof(
    fc.record({
      $case: fc.constant('start' as const),
      value: fc.record({
        method: fc.constantFrom(
          '',
          '/flotilla.safety.v1.Safety/Guard',
          '/flotilla.router.v1.Router/Generate',
          '/no/Such',
        ),
        methodId: fc.integer({ min: 0, max: 5_000 }),
        request: fc.uint8Array({ maxLength: 20 }).map((bytes) => Buffer.from(bytes)),
        timeoutMs: fc.nat(1_000),
        traceparent: fc.constantFrom('', 'garbage', '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'),
        metadata: fc.constant({ __proto__x: 'y' }),
        initialCredit: fc.nat(100),
      }),
    }),
    fc.record({ $case: fc.constant('message' as const), value: fc.constant(Buffer.from('junk')) }),
    fc.record({ $case: fc.constant('end' as const), value: fc.constant({}) }),
    fc.record({ $case: fc.constant('cancel' as const), value: fc.constant({ reason: '' }) }),
    fc.record({ $case: fc.constant('credit' as const), value: fc.nat() }),
    fc.record({ $case: fc.constant('goaway' as const), value: fc.constant({ reason: '' }) }),
    fc.record({
      $case: fc.constant('error' as const),
      value: fc.constant({ code: 'nonsense', message: '', detailsJson: '[', notStarted: false }),
    }),
  ),
});
const anyBatch = fc
  .tuple(fc.array(anyFrame, { maxLength: 12 }), fc.option(fc.tuple(fc.nat(), fc.nat(255)), { nil: undefined }))
  .map(([frames, flaw]) => {
    const batch = link.Batch.encode({ frames: frames as link.Frame[] }).finish();
    if (flaw !== undefined && batch.length > 0) batch[flaw[0] % batch.length] = flaw[1];
    return batch;
  });

describe('a peer that sends anything at all', () => {
  it('ends its own link with an error at worst, never the process', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.oneof(anyBatch, fc.uint8Array({ maxLength: 60 })), { maxLength: 5 }),
        async (batches) => {
          const { server, sent } = serverUnderTest();
          try {
            for (const batch of batches) {
              server.receive(batch);
              await new Promise(setImmediate);
            }
          } catch (error) {
            expect(error).toMatchObject({ code: 'invalid_request', message: 'The batch is not valid.' });
          }
          server.close();
          await new Promise(setImmediate);
          // Whatever was answered can be read.
          for (const batch of sent) link.Batch.decode(batch);
        },
      ),
      { numRuns: 300 },
    );
  });

  it('cannot make the calling side fail otherwise', () => {
    fc.assert(
      fc.property(fc.oneof(anyBatch, fc.uint8Array({ maxLength: 60 })), (batch) => {
        const client = new ClientLink(
          'test',
          () => undefined,
          () => undefined,
          () => undefined,
        );
        try {
          client.receive(batch);
        } catch (error) {
          // Any Error ends the socket; see link-socket.ts.
          expect(String((error as Error).name)).toMatch(/Error$/);
        }
        client.close(new FlotillaError('unavailable'));
      }),
      { numRuns: 500 },
    );
  });
});

describe('the credit of a call', () => {
  it('bounds what a server sends ahead, to the byte and one message', async () => {
    const { server, sent } = serverUnderTest();
    const writer = new BatchWriter();
    const path = '/flotilla.router.v1.Router/Generate';
    const fields = { methodId: 0, timeoutMs: 0, traceparent: '', metadata: undefined, initialCredit: 1_000 };
    writer.start(1, { ...fields, method: path }, router.GenerateRequest, router.GenerateRequest.fromPartial({}));
    server.receive(writer.take());
    await settle();
    const message = router.GenerateEvent.encode(event('x'.repeat(100))).finish().length;
    expect(sizes(sent)).toBe(Math.ceil(1_000 / message) * message);
    writer.credit(1, 10 * message);
    server.receive(writer.take());
    await settle();
    const all = sizes(sent);
    expect(all).toBeGreaterThanOrEqual(1_000 + 10 * message);
    expect(all).toBeLessThan(1_000 + 11 * message);
    server.close();
  });
});

function serverUnderTest() {
  const router_ = new Router();
  router_.serve(safety.SafetyDefinition, safetyThat());
  router_.serve(
    router.RouterDefinition,
    routerThat(async function* () {
      for (;;) yield event('x'.repeat(100));
    }),
  );
  const host = {
    router: router_,
    wheel: new DeadlineWheel(),
    inFlight: new InFlight(),
    observer: undefined,
    refusal: undefined,
  };
  const sent: Uint8Array[] = [];
  const server = new LinkServer(
    host,
    (batch, done) => {
      sent.push(batch);
      setImmediate(done);
    },
    () => undefined,
  );
  return { server, sent };
}

async function settle(): Promise<void> {
  for (let turn = 0; turn < 50; turn += 1) await new Promise(setImmediate);
}

/** Bytes of the messages in batches. */
function sizes(batches: Uint8Array[]): number {
  return batches
    .flatMap((batch) => link.Batch.decode(batch).frames)
    .reduce((sum, { kind }) => sum + (kind?.$case === 'message' ? kind.value.length : 0), 0);
}
