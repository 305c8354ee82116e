import { createSeededRandom } from '@flotilla/testkit';
import { describe, expect, it } from '@jest/globals';
import { target } from '../picking/picking.fixture.ts';
import { Demand } from './demand.ts';

function counted() {
  let calls = 0;
  const demand = new Demand('router_1', createSeededRandom(1), () => (calls += 1));
  return { demand, calls: () => calls };
}
const pod = (id: string) => target(id, { provider: 'fleet', scope: 'models/llama' });
const standIn = pod('models/llama');

describe('what a router wants of the fleet', () => {
  it('is told at once when a first request waits, and not for each that joins it', () => {
    const { demand, calls } = counted();
    demand.held(standIn, 1);
    demand.held(standIn, 1);
    expect(calls()).toBe(1);
    expect(demand.message()).toMatchObject({
      routerId: 'router_1',
      models: [{ provider: 'fleet', model: 'm', held: 2, running: 0, arrived: 0 }],
    });
    demand.held(standIn, -1);
    demand.held(standIn, -1);
    demand.held(standIn, 1);
    expect(calls()).toBe(2);
  });

  it('counts what arrived and how it went since the last message, and what runs now', () => {
    const { demand } = counted();
    const [a, b] = [pod('models/a'), pod('models/b')];
    for (const one of [a, a, b]) demand.began(one, 400);
    demand.firstToken(a, 120);
    demand.ended(a, 'answered');
    demand.ended(b, 'failed');
    expect(demand.message()!.models).toEqual([
      {
        ...{ provider: 'fleet', model: 'm', held: 0, running: 1, arrived: 3, promptTokens: 300 },
        engines: [
          { engineId: 'models/a', answered: 1, failed: 0, ttftMs: [120] },
          { engineId: 'models/b', answered: 0, failed: 1, ttftMs: [] },
        ],
      },
    ]);
    expect(demand.message()!.models).toMatchObject([{ running: 1, arrived: 0, promptTokens: 0, engines: [] }]);
  });

  it('is said once more when there is none, and then no more', () => {
    const { demand } = counted();
    expect(demand.message()).toBeUndefined();
    const one = pod('models/a');
    demand.began(one, 0);
    demand.ended(one, 'cancelled');
    expect(demand.message()!.models).toMatchObject([{ arrived: 1, running: 0 }]);
    expect(demand.message()).toEqual({ routerId: 'router_1', models: [] });
    expect(demand.message()).toBeUndefined();
  });

  it('keeps a fair sample of many times to the first token', () => {
    const { demand } = counted();
    const one = pod('models/a');
    for (let i = 0; i < 10_000; i += 1) demand.firstToken(one, i);
    const { ttftMs } = demand.message()!.models[0]!.engines[0]!;
    expect(ttftMs).toHaveLength(64);
    const mean = ttftMs.reduce((sum, ms) => sum + ms, 0) / ttftMs.length;
    expect(Math.abs(mean - 5_000)).toBeLessThan(1_500);
  });

  it('says nothing of engines that the fleet does not scale', () => {
    const { demand } = counted();
    demand.began(target('hosted'), 10);
    expect(demand.message()).toBeUndefined();
  });
});
