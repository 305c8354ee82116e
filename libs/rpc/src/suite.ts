import { afterEach, describe, expect, it } from '@jest/globals';
import { router, safety } from '@flotilla/contracts';
import { FlotillaError } from '@flotilla/kernel';
import type { Client } from './definition.ts';
import {
  collect,
  countTo,
  embed,
  event,
  failure,
  generate,
  guard,
  routerThat,
  safetyThat,
  texts,
  tracked,
  type RouterHandlers,
  type SafetyHandlers,
} from './suite-services.ts';

/** Both ends of a transport under test: two services behind it and their clients in front. */
export interface Wired {
  safety: Client<typeof safety.SafetyDefinition>;
  router: Client<typeof router.RouterDefinition>;
  drain(signal: AbortSignal): Promise<void>;
  close(): Promise<void>;
}

/** Serves the handlers given (a service without handlers is not served) and connects clients to them. */
export type Wire = (handlers: { safety?: SafetyHandlers; router?: RouterHandlers }) => Promise<Wired>;

/** What every transport must do. Runs over memory, links and plain gRPC. */
export function rpcContract(name: string, wire: Wire): void {
  describe(`the contract of RPC, over ${name}`, () => {
    let wired: Wired | undefined;
    const open = async (handlers: Parameters<Wire>[0]) => (wired = await wire(handlers));

    afterEach(async () => {
      await wired?.close();
      wired = undefined;
    });

    it('answers a call', async () => {
      const { safety } = await open({ safety: safetyThat(async ({ text }) => ({ release: text.toUpperCase() })) });
      expect(await safety.guard(guard('hello'))).toMatchObject({ release: 'HELLO' });
    });

    it('streams messages in order and to the end', async () => {
      const { router } = await open({ router: routerThat(countTo(1_000)) });
      expect(await texts(router.generate(generate()))).toEqual(Array.from({ length: 1_000 }, (_, index) => `${index}`));
    });

    it('says that a stream has ended as often as it is asked', async () => {
      const { router } = await open({ router: routerThat(countTo(1)) });
      const stream = router.generate(generate())[Symbol.asyncIterator]();
      expect((await stream.next()).done).toBe(false);
      expect((await stream.next()).done).toBe(true);
      expect((await stream.next()).done).toBe(true);
    });

    it('throws the error of the handler with code, message and details', async () => {
      const details = { param: 'messages', retryAfterMs: 1_500 };
      const refuse = async () => {
        throw new FlotillaError('rate_limit_exceeded', 'Slow down: è 日本', { details, cause: new Error('secret') });
      };
      const { safety } = await open({ safety: safetyThat(refuse) });
      const error = await failure(safety.guard(guard('x')));
      expect(error).toBeInstanceOf(FlotillaError);
      expect(error).toMatchObject({ code: 'rate_limit_exceeded', message: 'Slow down: è 日本', details });
    });

    it('says nothing of an unknown error but that it was internal', async () => {
      const { safety } = await open({ safety: safetyThat(() => Promise.reject(new TypeError('password=hunter2'))) });
      const error = await failure(safety.guard(guard('x')));
      expect(error.code).toBe('internal');
      expect(error.message).not.toContain('hunter2');
    });

    it('throws an error in the middle of a stream after the messages before it', async () => {
      const { router } = await open({
        router: routerThat(async function* () {
          yield event('one');
          yield event('two');
          throw new FlotillaError('engine_error');
        }),
      });
      const seen: string[] = [];
      const error = await failure(collect(router.generate(generate()), seen));
      expect(seen).toEqual(['one', 'two']);
      expect(error.code).toBe('engine_error');
    });

    it('ends a call at its deadline, for the caller and for the handler', async () => {
      const handled = tracked();
      const { safety } = await open({ safety: safetyThat((_, context) => handled.untilAborted(context)) });
      const error = await failure(safety.guard(guard('x'), { timeoutMs: 60 }));
      expect(error.code).toBe('deadline_exceeded');
      await handled.aborted;
      expect(handled.remainingMs).toBeGreaterThan(0);
      expect(handled.remainingMs).toBeLessThanOrEqual(60);
    });

    it('ends a stream at its deadline, for the caller and for the handler', async () => {
      const handled = tracked();
      const { router } = await open({
        router: routerThat(async function* (_, context) {
          yield event('first');
          await handled.untilAborted(context);
        }),
      });
      const seen: string[] = [];
      const error = await failure(collect(router.generate(generate(), { timeoutMs: 80 }), seen));
      expect(error.code).toBe('deadline_exceeded');
      expect(seen).toEqual(['first']);
      await handled.aborted;
    });

    it('refuses a call whose deadline has passed or whose signal has aborted', async () => {
      const { safety, router } = await open({ safety: safetyThat(), router: routerThat(countTo(1)) });
      expect((await failure(safety.guard(guard('x'), { timeoutMs: 0 }))).code).toBe('deadline_exceeded');
      expect((await failure(safety.guard(guard('x'), { signal: AbortSignal.abort() }))).code).toBe('cancelled');
      const stream = router.generate(generate(), { signal: AbortSignal.abort() });
      expect((await failure(texts(stream))).code).toBe('cancelled');
    });

    it('tells the handler that the caller cancelled', async () => {
      const handled = tracked();
      const { safety } = await open({ safety: safetyThat((_, context) => handled.untilAborted(context)) });
      const caller = new AbortController();
      const call = failure(safety.guard(guard('x'), { signal: caller.signal }));
      await handled.entered;
      caller.abort();
      expect((await call).code).toBe('cancelled');
      await handled.aborted;
    });

    it('ends the handler of a stream that its reader leaves, and runs its finally', async () => {
      const handled = tracked();
      const { router } = await open({
        router: routerThat(async function* (_, context) {
          context.signal.addEventListener('abort', handled.abort);
          try {
            for (let index = 0; ; index += 1) yield event(`${index}`);
          } finally {
            handled.end();
          }
        }),
      });
      for await (const _ of router.generate(generate())) break;
      await handled.aborted;
      await handled.ended;
    });

    it('ends the handler of a stream that is cancelled while nothing comes', async () => {
      const handled = tracked();
      const { router } = await open({
        router: routerThat(async function* (_, context) {
          yield event('first');
          try {
            await handled.untilAborted(context);
          } finally {
            handled.end();
          }
        }),
      });
      const caller = new AbortController();
      const seen: string[] = [];
      const reading = failure(collect(router.generate(generate(), { signal: caller.signal }), seen));
      await handled.entered;
      caller.abort();
      expect((await reading).code).toBe('cancelled');
      await handled.ended;
    });

    it('cancels calls that a handler made with its own signal', async () => {
      const inner = tracked();
      const { safety } = await open({
        safety: safetyThat(async ({ text }, context) => {
          if (text === 'inner') return inner.untilAborted(context);
          return wired!.safety.guard(guard('inner'), { signal: context.signal });
        }),
      });
      const caller = new AbortController();
      const call = failure(safety.guard(guard('outer'), { signal: caller.signal }));
      await inner.entered;
      caller.abort();
      expect((await call).code).toBe('cancelled');
      await inner.aborted;
    });

    it('does not begin a stream that is never read', async () => {
      let begun = 0;
      const { router, safety } = await open({
        safety: safetyThat(),
        router: routerThat(async function* () {
          begun += 1;
          yield event('x');
        }),
      });
      const stream = router.generate(generate())[Symbol.asyncIterator]();
      await stream.return?.();
      router.generate(generate());
      await safety.guard(guard('x'));
      expect(begun).toBe(0);
    });

    it('lets a stream that is not read stall nobody, and does not pull its handler without bound', async () => {
      const piece = 'x'.repeat(10_000);
      let pulled = 0;
      const { router, safety } = await open({
        safety: safetyThat(),
        router: routerThat(async function* ({ model }) {
          for (let index = 0; index < 2_000; index += 1) {
            if (model === 'unread') pulled += 1;
            yield event(piece);
          }
        }),
      });
      const unread = router.generate(generate('unread'))[Symbol.asyncIterator]();
      await unread.next();
      for (let index = 0; index < 50; index += 1) await safety.guard(guard('x'));
      expect((await texts(router.generate(generate()))).length).toBe(2_000);
      // 10,000 bytes each: what a transport may hold ahead of a reader is megabytes, not the 20 MB of the whole.
      expect(pulled).toBeLessThan(1_000);
      await unread.return?.();
    });

    it('carries metadata', async () => {
      const { safety } = await open({
        safety: safetyThat(async (_, { metadata }) => ({ release: JSON.stringify({ ...metadata }) })),
      });
      const metadata = { 'x-request-id': 'req_1', 'x-region': 'eu' };
      expect(JSON.parse((await safety.guard(guard('x'), { metadata })).release)).toEqual(metadata);
      expect(JSON.parse((await safety.guard(guard('x'))).release)).toEqual({});
    });

    it('carries a message of 8 MiB there and back', async () => {
      const text = 'ä'.repeat(4 << 20);
      const { safety } = await open({ safety: safetyThat(async (request) => ({ release: request.text })) });
      expect((await safety.guard(guard(text))).release === text).toBe(true);
      expect((await safety.guard(guard('small'))).release).toBe('small');
    });

    it('answers 2,000 calls at once, each with its own answer', async () => {
      const { safety } = await open({
        safety: safetyThat(async ({ text }) => {
          if (Number(text) % 3 === 0) await new Promise(setImmediate);
          return { release: text };
        }),
      });
      const answers = await Promise.all(Array.from({ length: 2_000 }, (_, index) => safety.guard(guard(`${index}`))));
      expect(answers.map(({ release }) => release)).toEqual(answers.map((_, index) => `${index}`));
    });

    it('reports a service that nobody serves as unavailable', async () => {
      const { router, safety } = await open({ safety: safetyThat() });
      expect((await failure(router.embed(embed()))).code).toBe('unavailable');
      expect((await failure(texts(router.generate(generate())))).code).toBe('unavailable');
      expect((await safety.guard(guard('still here'))).release).toBe('still here');
    });

    it('keeps nothing of calls that have ended, however they ended', async () => {
      const { safety, router, drain } = await open({
        safety: safetyThat(async ({ text }, context) => {
          if (text === 'fail') throw new FlotillaError('conflict');
          if (text === 'hang') return tracked().untilAborted(context);
          return { release: text };
        }),
        router: routerThat(countTo(20)),
      });
      for (let round = 0; round < 20; round += 1) {
        const caller = new AbortController();
        const ended = [
          safety.guard(guard('fine'), { signal: caller.signal }),
          failure(safety.guard(guard('fail'))),
          failure(safety.guard(guard('hang'), { timeoutMs: 20 })),
          failure(safety.guard(guard('hang'), { signal: caller.signal })),
          texts(router.generate(generate(), { signal: caller.signal })),
        ];
        for await (const _ of router.generate(generate())) break;
        caller.abort();
        await Promise.allSettled(ended);
      }
      const patience = AbortSignal.timeout(10_000);
      await drain(patience);
      expect(patience.aborted).toBe(false);
    });

    it('drains: what is under way finishes, new calls are refused', async () => {
      const handled = tracked();
      const { safety, drain } = await open({
        safety: safetyThat(async ({ text }) => {
          handled.enter();
          await handled.ended;
          return { release: text };
        }),
      });
      const before = safety.guard(guard('before'));
      await handled.entered;
      let drained = false;
      const draining = drain(new AbortController().signal).then(() => (drained = true));
      expect((await failure(safety.guard(guard('after'), { timeoutMs: 500 }))).code).toBe('unavailable');
      expect(drained).toBe(false);
      handled.end();
      expect((await before).release).toBe('before');
      await draining;
    });

    it('gives up draining when it is told to', async () => {
      const handled = tracked();
      const { safety, drain } = await open({ safety: safetyThat((_, context) => handled.untilAborted(context)) });
      const call = failure(safety.guard(guard('stuck'), { timeoutMs: 5_000 }));
      await handled.entered;
      await drain(AbortSignal.timeout(20));
      await wired!.close();
      expect(['unavailable', 'cancelled', 'deadline_exceeded']).toContain((await call).code);
    });
  });
}
