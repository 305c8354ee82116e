import { describe, expect, it } from '@jest/globals';
import { modelSchema } from '@flotilla/kernel';
import type { EndpointFacts } from '../../endpoints/endpoint.ts';
import { asking, createPicking, idOf, resolution, target } from '../picking.fixture.ts';

const lora = (id: string, facts: Partial<EndpointFacts>) => target(id, { maxAdapters: 2, ...facts }, { model: 'sql' });

describe('a request for a LoRA adapter', () => {
  const runs = () => lora('runs', { runningAdapters: ['sql', 'law'], running: 1 });
  const room = () => lora('room', { runningAdapters: ['law'] });
  const full = () => lora('full', { runningAdapters: ['law', 'chat'] });

  it('goes where the adapter runs, else where there is room for it', () => {
    const { picker } = createPicking();
    expect(idOf(picker.pick(resolution([[1, [full(), room(), runs()]]]), []))).toBe('runs');
    const entry = modelSchema.parse({ name: 'm', targets: [{ provider: 'p' }], adapters: [{ name: 'sql' }] });
    expect(idOf(picker.pick({ ...resolution([[1, [full(), room()]]]), entry }, []))).toBe('room');
  });

  it('goes elsewhere when that engine is much busier than the others', () => {
    const { picker } = createPicking();
    const hot = runs();
    hot.endpoint.inFlight = 40;
    expect(idOf(picker.pick(resolution([[1, [hot, room()]]]), []))).toBe('room');
  });

  it('goes where the last one went while the adapter is loaded there', () => {
    const { picker } = createPicking();
    const entry = modelSchema.parse({ name: 'm', targets: [{ provider: 'p' }], adapters: [{ name: 'sql' }] });
    const model = { ...resolution([[1, [lora('a', {}), lora('b', {}), lora('c', {})]]]), entry };
    const places = ['one', 'two', 'three'].map((text) => {
      const request = asking(text);
      const picked = picker.pick(model, [], request)!;
      picker.began(picked, request);
      picker.ended(picked, 'answered', request);
      return idOf(picked);
    });
    expect(new Set(places).size).toBe(1);
  });
});

describe('an engine', () => {
  it('with room in its KV cache is taken before a full one', () => {
    const { picker } = createPicking();
    const targets = [target('full', { kvCacheUsage: 0.9 }), target('free', { kvCacheUsage: 0.1 })];
    expect(idOf(picker.pick(resolution([[1, targets]]), []))).toBe('free');
  });

  it('that serves others beside this router counts with what it tells, until the news is old', () => {
    const { clock, picker } = createPicking();
    const [busy, own] = [target('busy', { running: 9 }), target('own')];
    own.endpoint.inFlight = 3;
    const model = resolution([[1, [busy, own]]]);
    expect(idOf(picker.pick(model, []))).toBe('own');
    clock.advance(31_000);
    expect(idOf(picker.pick(model, []))).toBe('busy');
  });

  it('that is dearer is left alone where cost has a weight', () => {
    const { picker } = createPicking({ weights: { cost: 1 } });
    const price = (input: number) => ({ provider: 'p', price: { input, output: input } });
    const entry = modelSchema.parse({ name: 'm', targets: [price(4), price(1)] });
    const routes = resolution([
      [1, [target('dear')]],
      [1, [target('cheap')]],
    ]);
    const places = Array.from({ length: 3 }, () => idOf(picker.pick({ ...routes, entry }, [])));
    expect(places).toEqual(['cheap', 'cheap', 'cheap']);
  });
});

describe('a thousand engines', () => {
  const many = () => Array.from({ length: 1_000 }, (_, i) => target(`e${i}`));

  it('share the load without all being looked at', () => {
    const { picker } = createPicking();
    const targets = many();
    const model = resolution([[1, targets]]);
    for (let i = 0; i < 5_000; i += 1) picker.began(picker.pick(model, [])!);
    expect(Math.max(...targets.map(({ endpoint }) => endpoint.inFlight))).toBeLessThanOrEqual(8);
  });

  it('are searched for the last one that is ready', () => {
    const { picker } = createPicking();
    const targets = many();
    for (const { endpoint } of targets.slice(1)) endpoint.facts = { ...endpoint.facts, ready: false };
    expect(idOf(picker.pick(resolution([[1, targets]]), []))).toBe('e0');
  });
});
