import { describe, expect, it } from '@jest/globals';
import { events } from '@flotilla/contracts';
import { createFakeClock } from '@flotilla/testkit';
import { controllerId, DemandLedger } from './demand-ledger.ts';

function opened(names = ['llama', 'legal']) {
  const clock = createFakeClock();
  const ledger = new DemandLedger(clock, (id) => ({ scope: 'ns/llama', revision: id.endsWith('new') ? 'r2' : 'r1' }));
  let changes = 0;
  const demand = ledger.open('ns/llama', names, () => (changes += 1));
  const hear = (routerId: string, model: string, wish: Partial<events.ModelDemand> = {}, provider = 'fleet') =>
    ledger.hear(events.RouterDemand.fromPartial({ routerId, models: [{ provider, model, ...wish }] }));
  return { clock, ledger, demand, hear, changes: () => changes };
}

describe('what routers want of a model', () => {
  it('is the sum of what each said last, its adapters among it', () => {
    const { demand, hear } = opened();
    hear('a', 'llama', { held: 2, running: 3, arrived: 4 });
    hear('b', 'legal', { held: 1, running: 1 });
    hear('a', 'llama', { held: 5, running: 3 });
    hear('c', 'other', { held: 9 });
    hear('d', 'llama', { held: 9 }, 'openrouter');
    expect(demand.demand()).toMatchObject({ held: 6, running: 4, adapters: new Map([['legal', 2]]) });
  });

  it('is forgotten of a router that says nothing for 5 s, or that says it has none', () => {
    const { clock, demand, hear, ledger } = opened();
    hear('a', 'llama', { held: 2 });
    hear('b', 'llama', { held: 3 });
    ledger.hear({ routerId: 'b', models: [] });
    expect(demand.demand().held).toBe(2);
    clock.advance(5_001);
    expect(demand.demand().held).toBe(0);
  });

  it('arrives by the second, however far apart the messages are', () => {
    const { clock, demand, hear } = opened();
    hear('a', 'llama', { arrived: 1 });
    clock.advance(2_000);
    hear('a', 'llama', { arrived: 10 });
    expect(demand.demand().arrived).toBe(5);
  });

  it('counts from the start of the controller until something is asked of it', () => {
    const { clock, demand, hear } = opened();
    const start = clock.now();
    clock.advance(60_000);
    expect(demand.demand().lastUsedAt).toBe(start);
    hear('a', 'llama', { running: 1 });
    clock.advance(1_000);
    expect(demand.demand().lastUsedAt).toBe(start + 60_000);
  });

  it('is one request when a router holds it and has asked a controller too', () => {
    const { demand, hear, changes } = opened();
    const done = demand.wait();
    hear('a', 'llama', { held: 1 });
    expect(demand.demand().held).toBe(1);
    expect(changes()).toBe(2);
    done();
    hear(controllerId('other'), 'llama', { held: 3 });
    hear('a', 'llama', { held: 0, running: 1 });
    expect(demand.demand().held).toBe(1);
  });

  it('keeps how requests went by version, with the last 512 times', () => {
    const { demand, hear } = opened();
    const ttftMs = Array.from({ length: 64 }, (_, index) => index);
    for (let i = 0; i < 10; i += 1)
      hear('a', 'llama', { engines: [{ engineId: 'ns/old', answered: 64, failed: 1, ttftMs }] });
    hear('a', 'llama', { engines: [{ engineId: 'ns/new', answered: 1, failed: 2, ttftMs: [7] }] });
    const { outcomes } = demand.demand();
    expect(outcomes.get('r1')).toMatchObject({ answered: 640, failed: 10 });
    expect(outcomes.get('r1')!.ttftMs).toHaveLength(512);
    expect(outcomes.get('r2')).toEqual({ answered: 1, failed: 2, ttftMs: [7] });
  });
});
