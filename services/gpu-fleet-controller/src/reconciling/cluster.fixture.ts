import { enginesChanged, createMemoryBus, type Bus } from '@flotilla/bus';
import type { Helm, HelmObject, ReleaseSpec } from '@flotilla/helm';
import {
  createEventRecorder,
  createLeaderElection,
  deployments,
  keyOf,
  pods,
  type KubeObject,
  type Pod,
  type Workload,
} from '@flotilla/kubernetes';
import { createMemoryApi, type MemoryApi } from '@flotilla/kubernetes/testing';
import { createFakeClock, createSeededRandom } from '@flotilla/testkit';
import type { EngineView } from '../engine-view.ts';
import { KubernetesFleet } from '../kubernetes-fleet.ts';
import { models, type Model } from '../models/model.ts';
import { modelOf, type SpecInput } from '../models/model.fixture.ts';
import { labelNames, scopeOf } from '../models/names.ts';
import { noDefaults } from '../models/shape.ts';
import type { Replica, World } from '../models/world.ts';
import type { PodFacts } from '../replicas/pod-facts.ts';
import type { Replicas, ReplicasListener, Steering } from '../replicas/replicas.ts';
import type { RolloutPlan, Trip } from '../rollout/rollout-plan.ts';
import type { ScalingDecision } from '../scaling/decision.ts';
import type { Chart } from './chart.ts';
import { Renderer } from './renderer.ts';

const namespace = 'ns';
const chart: Chart = { folder: '/chart', version: '1.0.0', digest: 'd' };

/** Renders what a chart of engines would, without helm. */
function template({ release, values = {} }: ReleaseSpec): HelmObject[] {
  const { workload, profile, revision, engine, cache } = values as {
    workload: string;
    profile: { name: string };
    revision: string;
    engine: { args: string[] };
    cache?: object;
  };
  const own = { [labelNames.model]: release, [labelNames.profile]: profile.name, [labelNames.revision]: revision };
  const metadata = (name: string) => ({ name, namespace });
  return [
    { apiVersion: 'v1', kind: 'Service', metadata: metadata(release), spec: { clusterIP: 'None' } },
    ...(cache ? [{ apiVersion: 'v1', kind: 'PersistentVolumeClaim', metadata: metadata(`${release}-cache`) }] : []),
    {
      ...{ apiVersion: 'apps/v1', kind: 'Deployment', metadata: metadata(`${release}-${workload}`) },
      spec: { template: { metadata: { labels: own }, spec: { containers: [{ name: 'engine', args: engine.args }] } } },
    },
  ];
}

/** Engines that do what a test says. */
export class FakeReplicas implements Replicas {
  pods: readonly PodFacts[] = [];
  readonly busy = new Set<string>();
  readonly drains = new Map<string, number>();
  steering: Steering = {};
  refused: string | undefined;
  level = 0;
  closed = false;
  private waiting: (() => void)[] = [];

  constructor(
    private model: Model,
    readonly listener: ReplicasListener,
  ) {}

  update(model: Model, facts: readonly PodFacts[]): void {
    this.model = model;
    this.pods = facts;
    for (const look of this.waiting.splice(0)) look();
    this.listener.changed('state');
  }
  steer(steering: Steering): void {
    this.steering = steering;
  }
  known = () => true;
  list(): Replica[] {
    return this.pods.map(({ name, node, ready, deleted, restarts, createdAt, revision, profile }) => ({
      ...{ pod: name, node, restarts, createdAt, revision, profile, reason: '', adapters: [] },
      state: deleted ? 'ending' : ready ? 'ready' : 'starting',
      ...(ready && { readyAt: createdAt }),
    }));
  }
  engines(): EngineView[] {
    const scope = scopeOf(this.model);
    const common = {
      provider: 'fleet',
      kind: 'vllm',
      reason: '',
      since: 0,
      managed: false,
      onDemand: true,
      scope,
    } as const;
    const running = this.pods.map(({ name, ready }) => ({
      ...{ ...common, id: `${namespace}/${name}`, baseUrl: '', load: undefined, activatable: [] },
      state: ready ? ('ready' as const) : ('starting' as const),
      models: ready ? [{ name: this.model.metadata.name, capabilities: [] }] : [],
    }));
    if (running.some(({ state }) => state === 'ready')) return running;
    const refusal = this.refused !== undefined && { refused: true, reason: this.refused };
    const standIn = { ...common, id: scope, baseUrl: '', load: undefined, models: [], ...refusal };
    return [...running, { ...standIn, state: 'stopped', activatable: [this.model.metadata.name] }];
  }
  adapters = () => [];
  async activate(): Promise<EngineView> {
    for (;;) {
      const engine = this.engines().find(({ state }) => state === 'ready');
      if (engine) return engine;
      if (this.closed) throw new Error('closed');
      await new Promise<void>((resolve) => this.waiting.push(resolve));
    }
  }
  refuse(reason: string | undefined): void {
    const moved = this.refused !== reason;
    this.refused = reason;
    if (moved) this.listener.changed('state');
  }
  drained({ revision, profile }: { revision: string; profile: string }, count: number): string[] {
    this.drains.set(`${profile}-${revision}`, count);
    const own = this.pods.filter((pod) => pod.revision === revision && pod.profile === profile && !pod.deleted);
    return own.slice(0, count).flatMap(({ name }) => (this.busy.has(name) ? [] : [name]));
  }
  sleep(level: 0 | 1 | 2): void {
    this.level = level;
  }
  async close(): Promise<void> {
    this.closed = true;
    for (const look of this.waiting.splice(0)) look();
  }
}

/** A cluster in memory in which pods come, are ready and go as their Deployments say. */
export function createCluster() {
  const clock = createFakeClock();
  const random = createSeededRandom(7);
  const api = createMemoryApi({ resources: [models], clock, random });
  const bus = createMemoryBus();
  const told = new Map<string, EngineView['state'][]>();
  void bus.subscribe(enginesChanged, ({ scope, engines }) => {
    told.set(
      scope,
      engines.map(({ state }) => (state === 3 ? 'ready' : state === 1 ? 'stopped' : 'starting')),
    );
  });
  let made = 0;
  let writes = 0;
  api.intercept(({ verb, resource }, happen) => {
    const writing = verb === 'create' || verb === 'update' || verb === 'patch' || verb === 'delete';
    if (writing && resource !== 'leases') writes += 1;
    return happen();
  });
  const all = async <T extends KubeObject>(resource: Parameters<MemoryApi['list']>[0]) =>
    (await api.list(resource, { namespace })).items as T[];
  const workloads = () => all<Workload>(deployments);
  const allPods = () => all<Pod>(pods);

  const ownPods = async ({ metadata, spec }: Workload) => {
    const { labels } = (spec.template as { metadata: { labels: Record<string, string> } }).metadata;
    const own = (await allPods()).filter((pod) => pod.metadata.ownerReferences?.[0]?.name === metadata.name);
    return { labels, own };
  };

  /** What the cluster's own controllers do. */
  const work = async (ready: boolean): Promise<void> => {
    for (const workload of await workloads()) {
      const { labels, own } = await ownPods(workload);
      const cost = ({ metadata }: Pod) =>
        Number(metadata.annotations?.['controller.kubernetes.io/pod-deletion-cost'] ?? 0);
      const ordered = [...own].sort((a, b) => cost(a) - cost(b));
      const { replicas = 1 } = workload.spec;
      for (const { metadata } of ordered.slice(0, Math.max(0, own.length - replicas))) {
        await api.delete(pods, { namespace, name: metadata.name }, { gracePeriodSeconds: 0 });
      }
      for (let count = own.length; count < replicas; count += 1) {
        const { apiVersion, kind, metadata } = workload;
        const owner = { apiVersion, kind, name: metadata.name, uid: metadata.uid! };
        const name = `${metadata.name}-${(made += 1)}`;
        await api.create<Pod>({
          ...{ apiVersion: 'v1', kind: 'Pod' },
          metadata: { name, namespace, labels, ownerReferences: [owner] },
          spec: { nodeName: 'gpu-1', containers: [{ name: 'engine', image: 'vllm' }] },
        });
        const conditions = [{ type: 'Ready', status: ready ? 'True' : 'False' }];
        const status = { phase: 'Running', podIP: '127.1.0.1', conditions };
        await api.patch(pods, { namespace, name }, { status }, { subresource: 'status' });
      }
    }
  };

  /** Lets `ms` pass, the cluster at work. */
  const pass = async (ms: number, { ready = true } = {}): Promise<void> => {
    for (let passed = 0; passed < ms; passed += 100) {
      await clock.advanceAsync(100);
      await work(ready);
    }
    await clock.advanceAsync(50);
  };

  return {
    ...{ clock, random, api, bus, told, workloads, pods: allPods, pass },
    create: (spec: SpecInput = {}, name = 'llama') => api.create(modelOf(spec, { name, uid: `uid-${name}` })),
    model: async (name = 'llama') => (await api.get(models, { namespace, name }))!,
    change: (spec: object, name = 'llama') => api.patch(models, { namespace, name }, { spec }),
    remove: (name = 'llama') => api.delete(models, { namespace, name }),
    names: async () => (await workloads()).map(keyOf),
    /** Calls that change something, since the start; those for the lease are not counted. */
    writes: () => writes,
  };
}

export type TestCluster = ReturnType<typeof createCluster>;

export interface Orders {
  desired: number;
  sleep: 0 | 1 | 2;
  trips: Trip[];
  plan: ((world: World, scaling: ScalingDecision) => RolloutPlan) | undefined;
  template: ((spec: ReleaseSpec) => HelmObject[]) | undefined;
}

/** A controller of it, whose decisions are the test's. */
export function startController(cluster: TestCluster, identity = 'one', bus: Bus = cluster.bus) {
  const { clock, random, api } = cluster;
  const orders: Orders = { desired: 1, sleep: 0, trips: [], plan: undefined, template: undefined };
  const replicas = new Map<string, FakeReplicas>();
  let renders = 0;
  const helm: Pick<Helm, 'template'> = {
    async template(spec) {
      renders += 1;
      return (orders.template ?? template)(spec);
    },
  };
  const decide = ({ model }: World): ScalingDecision => ({
    byProfile: new Map([[model.spec.profiles[0]!.name, orders.desired]]),
    ...{ desired: orders.desired, mode: 'stable', reason: `the test wants ${orders.desired}`, sleep: orders.sleep },
  });
  const plan = (world: World, { byProfile }: ScalingDecision): RolloutPlan => ({
    groups: [...byProfile].map(([profile, count]) => ({ profile, revision: world.wanted, replicas: count })),
    ...{ shares: undefined, stable: world.wanted, phase: 'Steady', message: '' },
  });
  const fleet = new KubernetesFleet(
    {
      ...{ api, bus, clock, random, identity, chart, defaults: noDefaults },
      close: async () => undefined,
      renderer: new Renderer(helm, chart, clock),
      recorder: createEventRecorder({ api, component: 'flotilla-fleet', clock, random }),
      createReplicas(model, listener) {
        const fake = new FakeReplicas(model, listener);
        replicas.set(scopeOf(model), fake);
        return fake;
      },
      createDeciders: () => ({
        scaler: { decide },
        rollout: { plan: (world, scaling) => (orders.plan ?? plan)(world, scaling) },
        breaker: { look: () => orders.trips },
      }),
      elect: (onLeading) =>
        createLeaderElection({ ...{ api, namespace, name: 'fleet', identity, onLeading, clock, random } }),
    },
    { namespaces: [namespace], faults: { taints: [], conditions: ['XidCriticalError'] } },
  );
  return { fleet, orders, replicas: (name = 'llama') => replicas.get(`${namespace}/${name}`), renders: () => renders };
}
