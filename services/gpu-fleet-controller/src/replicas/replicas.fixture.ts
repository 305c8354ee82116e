import { createFakeClock, createSeededRandom, type FakeClock } from '@flotilla/testkit';
import type { ServedModel } from '../engine-view.ts';
import { modelSpecSchema } from '../models/model-spec.ts';
import type { Model } from '../models/model.ts';
import { ProbeFailure } from '../probe.ts';
import { createReplicas } from './model-replicas.ts';
import type { PodFacts } from './pod-facts.ts';
import { ProbeSchedule } from './probe-schedule.ts';
import { replicaSettingsSchema } from './settings.ts';
import type { Look, VllmControl } from './vllm-control.ts';

/** The Model `default/m`, served by its own name, with what a test is about. */
export function modelOf(spec: Record<string, unknown> = {}, status: Model['status'] = {}): Model {
  return {
    ...{ apiVersion: 'fleet.flotilla.dev/v1alpha1', kind: 'Model', metadata: { namespace: 'default', name: 'm' } },
    spec: modelSpecSchema.parse({ source: { hub: { repo: 'm' } }, profiles: [{ name: 'a' }], ...spec }),
    status,
  };
}

/** A pod with an address whose engine may answer. */
export function podOf(name: string, facts: Partial<PodFacts> = {}): PodFacts {
  return {
    ...{
      namespace: 'default',
      name,
      uid: name,
      ip: '10.0.0.1',
      port: 8_000,
      node: 'n1',
      zone: 'r/z',
      phase: 'Running',
    },
    ...{
      ready: true,
      restarts: 0,
      deleted: false,
      createdAt: 0,
      revision: 'v1',
      profile: 'a',
      image: 'vllm',
      ...facts,
    },
  };
}

export class FakeVllm {
  up = true;
  running = 0;
  waiting = 0;
  sleepLevel: 0 | 1 | 2 = 0;
  adapters = new Map<string, string>();
  usedAdapters: string[] = [];
  maxAdapters = 4;
  /** What an order fails with. */
  refuses: Partial<Record<'sleep' | 'wake' | 'load', Error>> = {};
  /** What an order waits for. */
  gate: Promise<void> | undefined;
  orders: string[] = [];
  looks = 0;
  wholeLooks = 0;
  /** The name its metrics are of. */
  model = 'm';

  look(whole: boolean): Look {
    this.looks += 1;
    this.wholeLooks += whole ? 1 : 0;
    if (!this.up) throw new ProbeFailure('nothing listens at its address');
    const own: ServedModel = { name: this.model, capabilities: [] };
    const loras = [...this.adapters].map(([name, adapterPath]) => ({ name, capabilities: [], adapterPath }));
    return {
      models: whole ? [own, ...loras] : undefined,
      model: this.model,
      load: {
        ...{ running: this.running, waiting: this.waiting, kvCacheUsage: 0 },
        ...{ runningAdapters: this.usedAdapters, waitingAdapters: [], maxAdapters: this.maxAdapters },
      },
      ...{ sleepLevel: this.sleepLevel, promptTokens: 7, generatedTokens: 9 },
    };
  }
}

/** Engines by port, that answer at once. */
export class FakeFleet implements VllmControl {
  readonly engines = new Map<number, FakeVllm>();
  looks = 0;

  at(port: number): FakeVllm {
    const known = this.engines.get(port) ?? new FakeVllm();
    this.engines.set(port, known);
    return known;
  }

  async look(address: string, whole: boolean): Promise<Look> {
    this.looks += 1;
    return this.of(address).look(whole);
  }

  async sleep(address: string, level: 1 | 2): Promise<void> {
    const engine = await this.ordered(address, `sleep ${level}`, 'sleep');
    engine.sleepLevel = level;
  }

  async wake(address: string, level: 1 | 2): Promise<void> {
    const engine = await this.ordered(address, `wake ${level}`, 'wake');
    engine.sleepLevel = 0;
  }

  async loadAdapter(address: string, { name, path }: { name: string; path: string }): Promise<void> {
    const engine = await this.ordered(address, `load ${name}`, 'load');
    engine.adapters.set(name, path);
  }

  async unloadAdapter(address: string, name: string): Promise<void> {
    const engine = this.of(address);
    engine.orders.push(`unload ${name}`);
    engine.adapters.delete(name);
  }

  async close(): Promise<void> {}

  private async ordered(address: string, order: string, kind: 'sleep' | 'wake' | 'load'): Promise<FakeVllm> {
    const engine = this.of(address);
    engine.orders.push(order);
    await engine.gate;
    if (engine.refuses[kind]) throw engine.refuses[kind];
    return engine;
  }

  private of(address: string): FakeVllm {
    return this.at(Number(new URL(address).port));
  }
}

export type TestReplicas = ReturnType<typeof fakeReplicas>;

/** The replicas of a Model on a clock that stands still, each pod's engine at a port of its own: 1, 2, 3… */
export function fakeReplicas(spec: Record<string, unknown> = {}, clock: FakeClock = createFakeClock()) {
  const fleet = new FakeFleet();
  const settings = replicaSettingsSchema.parse({});
  const schedule = new ProbeSchedule({ clock, random: createSeededRandom(), settings });
  const told = { demands: 0, discarded: [] as string[], states: 0 };
  const parts = { clock, control: fleet, schedule, drainGraceMs: settings.drainGraceMs };
  const replicas = createReplicas(modelOf(spec), parts, {
    changed: (what) => void (told.states += what === 'state' ? 1 : 0),
    onDemand: () => void (told.demands += 1),
    discard: (pod, reason) => void told.discarded.push(`${pod}: ${reason}`),
  });
  let pods: readonly PodFacts[] = [];
  const apply = (next: readonly PodFacts[], changed = spec, status: Model['status'] = {}) => {
    pods = next;
    replicas.update(modelOf(changed, status), next);
  };
  const names = (count: number) => Array.from({ length: count }, (_, i) => `p${i + 1}`);
  return {
    ...{ replicas, fleet, clock, told, apply },
    /** So many pods, p1 the oldest; resolves when each has been probed. */
    async pods(count: number, facts: (name: string) => Partial<PodFacts> = () => ({})) {
      apply(names(count).map((name, i) => podOf(name, { port: i + 1, createdAt: i, ...facts(name) })));
      await clock.advanceAsync(1_000);
    },
    change(name: string, facts: Partial<PodFacts>) {
      apply(pods.map((pod) => (pod.name === name ? { ...pod, ...facts } : pod)));
    },
    engine: (name: string) => fleet.at(Number(name.slice(1))),
    state: (name: string) => replicas.list().find(({ pod }) => pod === name)?.state,
    view: (name: string) => replicas.engines().find(({ id }) => id === `default/${name}`),
    standIn: () => replicas.engines().find(({ id }) => id === 'default/m'),
    group: { revision: 'v1', profile: 'a' },
  };
}

/** What a promise has come to, without waiting for it: `waiting`, the id of an engine, or the code of an error. */
export function outcomeOf(promise: Promise<{ id: string }>): () => string {
  let outcome = 'waiting';
  promise.then(
    ({ id }) => (outcome = id),
    (error: { code?: string }) => (outcome = error.code ?? String(error)),
  );
  return () => outcome;
}
