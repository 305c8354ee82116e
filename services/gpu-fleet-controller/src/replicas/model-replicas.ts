import { FlotillaError, type Clock } from '@flotilla/kernel';
import type { EngineView } from '../engine-view.ts';
import type { Model } from '../models/model.ts';
import { scopeOf, servedNames } from '../models/names.ts';
import { sleepsWhenIdle } from '../models/shape.ts';
import type { GroupName, Replica } from '../models/world.ts';
import { Activations } from './activations.ts';
import { Adapters } from './adapters.ts';
import { Drains } from './drains.ts';
import { engineView, standIn } from './engine-views.ts';
import type { PodFacts } from './pod-facts.ts';
import { PodEngine } from './pod-engine.ts';
import type { ProbeSchedule } from './probe-schedule.ts';
import type { AdapterView, RemovalOrder, Replicas, ReplicasListener, Steering } from './replicas.ts';
import { Sleeper } from './sleeper.ts';
import type { VllmControl } from './vllm-control.ts';

export interface ReplicasParts {
  readonly clock: Clock;
  /** These two are shared by all Models. */
  readonly control: VllmControl;
  readonly schedule: ProbeSchedule;
  /** Milliseconds until every router has heard that a replica is out of use. */
  readonly drainGraceMs: number;
}

/** The engines of one Model. */
export function createReplicas(model: Model, parts: ReplicasParts, listener: ReplicasListener): Replicas {
  return new ModelReplicas(model, parts, listener);
}

class ModelReplicas implements Replicas {
  private readonly scope: string;
  /** By the pod's uid. */
  private readonly pods = new Map<string, PodEngine>();
  private readonly activations: Activations;
  private readonly drains: Drains;
  private readonly sleeper: Sleeper;
  private readonly lora: Adapters;
  private shares: ReadonlyMap<string, number> | undefined;
  private badNodes: ReadonlySet<string> = new Set();
  private standInSince: number;
  private stepping = false;
  private stepAgain = false;
  private closed = false;

  constructor(
    private model: Model,
    private readonly parts: ReplicasParts,
    private readonly listener: ReplicasListener,
  ) {
    const { clock, control, drainGraceMs: graceMs } = parts;
    this.scope = scopeOf(model);
    this.standInSince = clock.now();
    const startMs = () => this.model.spec.startTimeoutSeconds * 1_000;
    this.drains = new Drains({
      ...{ clock, graceMs },
      drainMs: () => this.model.spec.drainSeconds * 1_000,
      isBadNode: (node) => this.badNodes.has(node),
    });
    this.sleeper = new Sleeper({
      ...{ clock, control, graceMs, startMs },
      discard: (engine, reason) => listener.discard(engine.facts.name, reason),
    });
    this.activations = new Activations({
      ...{ clock, scope: this.scope, startMs },
      engines: () => this.pods.values(),
      find: (name) => this.find(name),
      view: (engine) => this.view(engine),
      recall: (engine) => this.drains.recall(engine),
      wake: (engine) => this.sleeper.wake(engine),
      onDemand: () => listener.onDemand(),
    });
    this.lora = new Adapters({
      ...{ clock, control, graceMs },
      specs: () => this.model.spec.adapters,
      perReplica: () => this.model.spec.scaling.target.requests,
      waitedFor: () => this.activations.names,
      fail: (name, reason) => this.activations.fail(name, reason),
      changed: () => this.moved('state'),
    });
  }

  update(model: Model, pods: readonly PodFacts[]): void {
    this.model = model;
    // One step for all of them.
    this.stepping = true;
    try {
      this.updatePods(pods);
    } finally {
      this.stepping = false;
    }
    this.step();
  }

  steer({ shares, badNodes, adapterDemand }: Steering): void {
    if (shares !== undefined) this.shares = shares ?? undefined;
    if (badNodes) this.badNodes = new Set(badNodes.map(({ node }) => node));
    if (adapterDemand) this.lora.demand = adapterDemand;
    this.step();
  }

  known(): boolean {
    for (const engine of this.pods.values()) if (!engine.known) return false;
    return true;
  }

  list(): readonly Replica[] {
    return [...this.pods.values()].map((engine) => engine.replica());
  }

  engines(): readonly EngineView[] {
    const views = [...this.pods.values()].map((engine) => this.view(engine));
    const missing = this.missing();
    const refused = this.refusedAdapters(missing);
    const open = missing.filter((name) => refused.every(({ activatable }) => !activatable.includes(name)));
    return [...views, ...(open.length > 0 ? [this.standIn(open)] : []), ...refused];
  }

  adapters(): readonly AdapterView[] {
    return this.lora.view(this.ready());
  }

  async activate(name: string, signal: AbortSignal): Promise<EngineView> {
    if (!this.names().includes(name))
      throw new FlotillaError('model_not_found', `${this.scope} serves no model "${name}".`);
    if (this.isFixedAtZero() && !this.find(name))
      throw new FlotillaError('engine_unavailable', `${this.scope} is set to have no replicas.`);
    const activated = this.activations.activate(name, signal);
    this.step();
    return activated;
  }

  refuse(reason: string | undefined): void {
    const before = this.activations.refusal;
    this.activations.refuse(reason);
    if (this.activations.refusal !== before) this.moved('state');
  }

  drained(group: GroupName, count: number, order: RemovalOrder = 'emptiest'): readonly string[] {
    return this.drains.drained([...this.pods.values()], group, count, order);
  }

  sleep(level: 0 | 1 | 2): void {
    this.sleeper.level = level;
    this.step();
  }

  async close(): Promise<void> {
    this.closed = true;
    this.activations.close();
    for (const engine of this.pods.values()) engine.close();
    await Promise.all([this.sleeper.close(), this.lora.close()]);
    this.pods.clear();
  }

  private updatePods(pods: readonly PodFacts[]): void {
    const there = new Set(pods.map(({ uid }) => uid));
    for (const [uid, engine] of this.pods) {
      if (there.has(uid)) continue;
      engine.close();
      this.pods.delete(uid);
      this.moved('state');
    }
    for (const facts of pods) {
      const engine = this.pods.get(facts.uid);
      if (engine) engine.update(facts);
      else this.add(facts);
    }
  }

  private add(facts: PodFacts): void {
    let drainable = false;
    const engine: PodEngine = new PodEngine(facts, {
      ...this.parts,
      onlyName: () => (this.model.spec.adapters.length > 0 ? undefined : this.names()[0]),
      isVouchedFor: (pod) => this.isVouchedFor(pod),
      changed: (what) => {
        if (this.closed) return;
        // The actor asks for those that are drained: it is told when there is one more.
        const done = this.drains.isDone(engine);
        const moved = what === 'state' || done !== drainable;
        drainable = done;
        if (moved || what === 'load') this.moved(moved ? 'state' : 'load');
        this.step();
      },
    });
    this.pods.set(facts.uid, engine);
    this.moved('state');
  }

  /** Everything that follows from how the engines are; what changes one of them meanwhile makes it look once more. */
  private step(): void {
    if (this.closed) return;
    this.stepAgain = true;
    if (this.stepping) return;
    this.stepping = true;
    try {
      // Each round moves an engine on by one state; there are few of them.
      for (let rounds = 0; this.stepAgain && rounds < 8; rounds += 1) {
        this.stepAgain = false;
        this.sleeper.step(this.pods.values());
        // What has not been asked yet may have what is missing.
        if (!this.lora.none && this.known()) this.lora.step(this.ready());
        this.activations.step();
      }
    } finally {
      this.stepping = false;
    }
  }

  private moved(what: 'state' | 'load'): void {
    if (!this.closed) this.listener.changed(what);
  }

  private names(): readonly string[] {
    return servedNames(this.model);
  }

  private ready(): PodEngine[] {
    return [...this.pods.values()].filter(({ state }) => state === 'ready');
  }

  private find(name: string): PodEngine | undefined {
    const isAdapter = this.model.spec.adapters.some((adapter) => adapter.name === name);
    const able = this.ready().filter(
      (engine) => !isAdapter || (engine.serves(name) && !this.lora.isHidden(engine, name)),
    );
    return able.sort((a, b) => a.requests - b.requests)[0];
  }

  private view(engine: PodEngine): EngineView {
    const { scope, shares } = this;
    const isHidden = (one: PodEngine, name: string) => this.lora.isHidden(one, name);
    return engineView(engine, { scope, shares, isHidden, capabilities: this.model.spec.capabilities });
  }

  /** Nothing was under way when a controller looked last: no other version with another name, nobody asleep. */
  private isVouchedFor({ revision }: PodFacts): boolean {
    const { spec, status = {}, metadata } = this.model;
    const settled = status.phase === 'Ready' && status.observedGeneration === metadata.generation;
    return settled && status.revision === revision && !status.sleepingReplicas && !sleepsWhenIdle(spec);
  }

  private isFixedAtZero(): boolean {
    const { replicas, scaling } = this.model.spec;
    return (replicas ?? scaling.maxReplicas) === 0;
  }

  /** What no ready replica serves and one could. */
  private missing(): readonly string[] {
    if (this.isFixedAtZero()) return [];
    return this.names().filter((name) => !this.find(name));
  }

  /** Each is told by itself: the others may still be had. */
  private refusedAdapters(missing: readonly string[]): EngineView[] {
    const ready = this.ready();
    return missing.flatMap((name) => {
      const reason = this.lora.refusal(name, ready);
      if (reason === undefined) return [];
      return [
        { ...standIn(this.scope, [name], reason, this.standInSince), id: `${this.scope}/${name}`, refused: true },
      ];
    });
  }

  private standIn(missing: readonly string[]): EngineView {
    const reasons = [...this.pods.values()].map(({ reason }) => reason);
    const { refusal } = this.activations;
    const reason = refusal ?? reasons.find((one) => one !== '') ?? 'it is started when it is asked for';
    return {
      ...standIn(this.scope, missing, reason, this.standInSince),
      ...(refusal !== undefined && { refused: true }),
    };
  }
}
