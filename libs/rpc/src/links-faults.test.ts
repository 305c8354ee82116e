import { describe, expect, it } from '@jest/globals';
import { router, safety } from '@flotilla/contracts';
import { faultyProxy } from './faulty-proxy.fixture.ts';
import { createMeshNetwork } from './mesh-network.ts';
import { collect, event, failure, generate, guard, routerThat, safetyThat } from './suite-services.ts';

/** A small generator of numbers from a seed (mulberry32), so that a failing run can be had again. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

describe('calls over a network that keeps breaking', () => {
  it.each([1, 2, 3])('end as they should, and none that changes something runs twice (seed %i)', async (seed) => {
    const random = seeded(seed);
    const runs = new Map<string, number>();
    const server = createMeshNetwork({ listen: '127.0.0.1:0' });
    server.serve(
      safety.SafetyDefinition,
      safetyThat(async ({ text }) => {
        await new Promise(setImmediate);
        return { release: text };
      }),
    );
    server.serve(
      router.RouterDefinition,
      // Generate is not idempotent: an engine would do the work again, and bill it.
      routerThat(async function* ({ model }) {
        runs.set(model, (runs.get(model) ?? 0) + 1);
        for (let index = 0; index < 20; index += 1) {
          yield event(`${model} ${index}`);
          if (index % 5 === 0) await new Promise(setImmediate);
        }
      }),
    );
    await server.listen();
    const proxy = await faultyProxy(server.address());
    const client = createMeshNetwork({ peers: { safety: proxy.address, router: proxy.address } });
    const toSafety = client.client(safety.SafetyDefinition);
    const toRouter = client.client(router.RouterDefinition);
    const outcomes = { answered: 0, broken: 0 };

    const ask = async (text: string) => {
      try {
        expect((await toSafety.guard(guard(text))).release).toBe(text);
        outcomes.answered += 1;
      } catch (error) {
        expect(error).toMatchObject({ code: 'unavailable' });
        outcomes.broken += 1;
      }
    };
    const stream = async (model: string) => {
      const seen: string[] = [];
      try {
        await collect(toRouter.generate(generate(model)), seen);
        expect(seen).toHaveLength(20);
        outcomes.answered += 1;
      } catch (error) {
        expect(error).toMatchObject({ code: 'unavailable' });
        outcomes.broken += 1;
      }
      expect(seen).toEqual(seen.map((_, index) => `${model} ${index}`));
    };

    for (let round = 0; round < 12; round += 1) {
      const calls = Array.from({ length: 40 }, (_, index) =>
        index % 2 ? ask(`${round}/${index}`) : stream(`${round}/${index}`),
      );
      const turns = Math.floor(random() * 30);
      for (let turn = 0; turn < turns; turn += 1) await new Promise(setImmediate);
      proxy.cut();
      await Promise.all(calls);
    }
    expect(outcomes.answered + outcomes.broken).toBe(12 * 40);
    expect(Math.max(...runs.values())).toBe(1);

    // Nothing is left behind on either side, and the next call is an ordinary one.
    expect((await toSafety.guard(guard('after'))).release).toBe('after');
    const patience = AbortSignal.timeout(10_000);
    await server.drain(patience);
    expect(patience.aborted).toBe(false);
    expect((await failure(toSafety.guard(guard('late'), { timeoutMs: 200 }))).code).toBe('unavailable');
    await client.close();
    await proxy.close();
    await server.close();
  });
});
