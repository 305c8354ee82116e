import { afterEach, describe, expect, it } from '@jest/globals';
import type { router } from '@flotilla/contracts';
import { startEngineSim, type EngineSim } from '@flotilla/engine-sim';
import { createSeededRandom, until } from '@flotilla/testkit';
import { choicesOf, engine, generateRequest, kinds, startRouter, textOf, valueOf } from '../router.fixture.ts';

const open: { stop(): Promise<void> }[] = [];
afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one.stop();
});
const kept = <T extends { stop(): Promise<void> }>(one: T): T => {
  open.push(one);
  return one;
};

const model = 'flotilla-sim';
const faults = ['500', 'cut:3', 'cut:40', 'cut:1', 'dead', 'slow:30', 'hang'];

async function setFault(sim: EngineSim, fault: string, probability: number): Promise<void> {
  const url = `${sim.url}/sim/faults`;
  await fetch(url, { method: 'POST', body: JSON.stringify({ fault, probability, path: '/v1/chat' }) });
}

interface Answer {
  readonly events: router.GenerateEvent[];
  readonly error: unknown;
}

describe.each([1, 2])('engines that fail in every way at once, seed %i', (seed) => {
  it('give every client the whole answer or an explicit failure, and sums that are right', async () => {
    const random = createSeededRandom(seed);
    const start = (port = 0) =>
      startEngineSim({
        port,
        seed: Math.floor(random.next() * 1e6),
        decodeTokensPerSecond: 0,
        prefillTokensPerSecond: 0,
      });
    const sims = await Promise.all(Array.from({ length: 4 }, () => start()));
    open.push({ stop: async () => void (await Promise.all(sims.map((sim) => sim.stop()))) });
    const engines = sims.map((sim, i) => engine(`e${i}`, `${sim.url}/v1`, [model]));
    // For an answer in one piece there is no limit but the one of the whole.
    const limits = { firstTokenTimeoutMs: 300, idleTimeoutMs: 400, totalTimeoutMs: 4_000 };
    const config = { ...limits, ejectBaseMs: 50, hedge: 'own', hedgeMinMs: 50 } as const;
    const service = kept(await startRouter({ engines, config }));
    for (const sim of sims) {
      for (let i = 0; i < 2; i += 1) {
        await setFault(sim, faults[Math.floor(random.next() * faults.length)]!, 0.05 + random.next() * 0.2);
      }
    }

    const ask = async (count: number, stream: boolean): Promise<Answer> => {
      const messages = [{ ...generateRequest().messages[0]!, content: `Count to ${count}` }];
      const events: router.GenerateEvent[] = [];
      try {
        const request = generateRequest({ model, messages, stream, maxTokens: 1_000 });
        for await (const event of service.client.generate(request)) events.push(event);
        return { events, error: undefined };
      } catch (error) {
        return { events, error };
      }
    };
    const requests = Array.from({ length: 180 }, () => ({
      count: 5 + Math.floor(random.next() * 60),
      stream: random.next() < 0.8,
    }));
    let done = 0;
    const worker = async (mine: typeof requests) => {
      const answers: (Answer & { count: number; stream: boolean })[] = [];
      for (const request of mine) {
        answers.push({ ...request, ...(await ask(request.count, request.stream)) });
        done += 1;
      }
      return answers;
    };
    const workers = Array.from({ length: 12 }, (_, i) => worker(requests.filter((__, at) => at % 12 === i)));
    // One dies under load, and comes back.
    await until(() => done > 60);
    const { port } = sims[0]!;
    await sims[0]!.stop();
    await until(() => done > 120);
    sims[0] = await start(port);
    const all = (await Promise.all(workers)).flat();

    let whole = 0;
    for (const { count, events, error } of all) {
      const text = Array.from({ length: count }, (_, i) => i + 1).join(', ');
      const last = kinds(events).at(-1);
      if (last === 'finished') {
        whole += 1;
        expect(textOf(events)).toBe(text);
        expect(choicesOf(events).filter(({ finishReason }) => finishReason !== '')).toHaveLength(1);
        const { usage } = valueOf(events, 'finished')!;
        // A number and a comma are a token each.
        expect(usage).toMatchObject({ completionTokens: 2 * count - 1, estimated: false });
      } else if (last === 'failure') {
        expect(text.startsWith(textOf(events))).toBe(true);
        expect(choicesOf(events).every(({ finishReason }) => finishReason === '')).toBe(true);
      } else {
        expect(error).toHaveProperty('code');
        expect(choicesOf(events)).toEqual([]);
      }
    }
    const notices = new Set(all.map(({ events }) => valueOf(events, 'notice')?.code));
    expect([...notices]).toEqual(expect.arrayContaining(['failed_over', 'continued']));
    // What fails at one engine in ten seldom fails at three.
    expect(whole / all.length).toBeGreaterThan(0.75);
    for (const sim of sims) await until(() => sim.stats().running === 0);
  });
});
