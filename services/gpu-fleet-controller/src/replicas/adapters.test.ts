import { describe, expect, it } from '@jest/globals';
import { ProbeFailure } from '../probe.ts';
import { planAdapters, type AdapterHost } from './adapter-plan.ts';
import { fakeReplicas, outcomeOf, podOf } from './replicas.fixture.ts';
import { AdapterRefused } from './vllm-control.ts';

const host = (id: string, adapters: string[] = [], facts: Partial<AdapterHost> = {}): AdapterHost => ({
  ...{ id, adapters, used: [], refused: [], room: 2, requests: 0, ...facts },
});
const wants = (wanted: Record<string, number>) => Object.entries(wanted).map(([name, copies]) => ({ name, copies }));

describe('where adapters go', () => {
  it('is where fewest are, and of those where least runs', () => {
    const hosts = [host('a', ['x']), host('b', [], { requests: 3 }), host('c')];
    expect(planAdapters(wants({ y: 2, z: 1, x: 1 }), hosts, new Set())).toEqual({
      load: [
        { host: 'c', name: 'y' },
        { host: 'b', name: 'y' },
        { host: 'a', name: 'z' },
      ],
      unload: [],
    });
  });

  it('is nowhere twice, and not past the room of a replica but for a first copy', () => {
    const full = [host('a', ['x', 'y']), host('b', ['x', 'y'])];
    expect(planAdapters(wants({ x: 5, y: 2, z: 2 }), full, new Set()).load).toEqual([{ host: 'a', name: 'z' }]);
  });

  it('gives up what is wanted no more, and copies that are too many, where nothing runs on them', () => {
    const hosts = [
      host('a', ['x', 'old'], { used: ['x'] }),
      host('b', ['x', 'theirs']),
      host('c', ['x', 'old'], { used: ['old'] }),
    ];
    expect(planAdapters(wants({ x: 1 }), hosts, new Set(['x', 'old'])).unload).toEqual([
      { host: 'a', name: 'old' },
      { host: 'b', name: 'x' },
      { host: 'c', name: 'x' },
    ]);
  });
});

describe('the adapters of a Model', () => {
  const sql = { name: 'sql', path: '/adapters/sql' };

  it('are loaded on as many replicas as they are wanted on, and told to routers from there', async () => {
    const { pods, engine, replicas, view } = fakeReplicas({ adapters: [{ ...sql, minReplicas: 2 }] });
    await pods(3);
    const holders = ['p1', 'p2', 'p3'].filter((name) => engine(name).adapters.get('sql') === '/adapters/sql');
    expect(holders).toHaveLength(2);
    expect(view(holders[0]!)!.models.map(({ name }) => name)).toEqual(['m', 'sql']);
    expect(replicas.adapters()).toEqual([{ name: 'sql', ready: 2, wanted: 2 }]);
    expect(holders.flatMap((name) => engine(name).orders)).toEqual(['load sql', 'load sql']);
    await replicas.close();
  });

  it('are loaded on more with demand, and taken away some time after', async () => {
    const { pods, engine, replicas, clock } = fakeReplicas({ adapters: [sql] });
    await pods(4);
    const copies = () => ['p1', 'p2', 'p3', 'p4'].filter((name) => engine(name).adapters.has('sql')).length;
    expect(copies()).toBe(1);
    replicas.steer({ adapterDemand: new Map([['sql', 70]]) });
    await clock.advanceAsync(1_000);
    expect(copies()).toBe(3);
    replicas.steer({ adapterDemand: new Map() });
    await clock.advanceAsync(200_000);
    expect(copies()).toBe(3);
    await clock.advanceAsync(120_000);
    expect(copies()).toBe(1);
    await replicas.close();
  });

  it('are loaded anew after the engine has started again', async () => {
    const { pods, engine, replicas, clock, change } = fakeReplicas({ adapters: [sql] });
    await pods(1);
    engine('p1').adapters.clear();
    change('p1', { restarts: 1 });
    await clock.advanceAsync(1_000);
    expect(engine('p1').orders).toEqual(['load sql', 'load sql']);
    expect(replicas.adapters()).toMatchObject([{ ready: 1 }]);
    await replicas.close();
  });

  it('that the spec names no more are hidden from routers first, then unloaded', async () => {
    const { pods, engine, replicas, clock, view, apply } = fakeReplicas({ adapters: [sql] });
    await pods(1);
    apply([podOf('p1', { port: 1 })], {});
    expect(view('p1')!.models.map(({ name }) => name)).toEqual(['m']);
    expect(engine('p1').adapters.has('sql')).toBe(true);
    await clock.advanceAsync(5_000);
    expect(engine('p1').orders).toEqual(['load sql', 'unload sql']);
    expect(replicas.adapters()).toEqual([]);
    await replicas.close();
  });

  it('are loaded from another place when the spec says another', async () => {
    const { pods, engine, replicas, clock, apply } = fakeReplicas({ adapters: [sql] });
    await pods(1);
    apply([podOf('p1', { port: 1 })], { adapters: [{ ...sql, path: '/adapters/sql-2' }] });
    await clock.advanceAsync(6_000);
    expect([...engine('p1').adapters]).toEqual([['sql', '/adapters/sql-2']]);
    await replicas.close();
  });

  it('that are not there are told of, and not tried again and again', async () => {
    const { pods, engine, replicas, clock } = fakeReplicas({ adapters: [sql] });
    engine('p1').refuses.load = new AdapterRefused('there is no adapter at /adapters/sql');
    await pods(1);
    await clock.advanceAsync(200_000);
    expect(engine('p1').orders).toEqual(['load sql']);
    expect(replicas.adapters()).toEqual([
      { name: 'sql', ready: 0, wanted: 1, message: 'p1: there is no adapter at /adapters/sql' },
    ]);
    // For controllers that stand by.
    const told = {
      id: 'default/m/sql',
      activatable: ['sql'],
      refused: true,
      reason: 'there is no adapter at /adapters/sql',
    };
    expect(replicas.engines().at(-1)).toMatchObject(told);
    const asked = replicas.activate('sql', new AbortController().signal);
    await expect(asked).rejects.toThrow('sql of default/m cannot be loaded: there is no adapter at /adapters/sql.');
    engine('p1').refuses = {};
    await clock.advanceAsync(120_000);
    expect(replicas.adapters()).toEqual([{ name: 'sql', ready: 1, wanted: 1 }]);
    expect(replicas.engines()).toHaveLength(1);
    await replicas.close();
  });

  it('are tried again with growing pauses when a load fails', async () => {
    const { pods, engine, replicas, clock } = fakeReplicas({ adapters: [sql] });
    engine('p1').refuses.load = new ProbeFailure('its engine answers 500');
    await pods(1);
    await clock.advanceAsync(60_000);
    expect(engine('p1').orders.length).toBeGreaterThan(3);
    expect(engine('p1').orders.length).toBeLessThan(9);
    await replicas.close();
  });

  it('are loaded when they are asked for, where none is wanted before', async () => {
    const { pods, engine, replicas, clock, standIn, view } = fakeReplicas({ adapters: [{ ...sql, minReplicas: 0 }] });
    await pods(1);
    expect(engine('p1').orders).toEqual([]);
    expect(standIn()).toMatchObject({ activatable: ['sql'] });
    const outcome = outcomeOf(replicas.activate('sql', new AbortController().signal));
    await clock.advanceAsync(200);
    expect(outcome()).toBe('default/p1');
    expect(view('p1')!.models).toHaveLength(2);
    expect(standIn()).toBeUndefined();
    await replicas.close();
  });
});
