import { enginesChanged, routerDemand, type Bus, type Subscription } from '@flotilla/bus';
import { events } from '@flotilla/contracts';
import { fleetProvider, FlotillaError, type Clock, type Random, type Timer } from '@flotilla/kernel';
import type { KubeApi } from '@flotilla/kubernetes';
import { beforeRead, logger } from '@flotilla/telemetry';
import { controllerId, DemandLedger } from './demand/demand-ledger.ts';
import type { ScopeDemand } from './demand/scope-demand.ts';
import { deadlineSignal } from './deadline-signal.ts';
import type { EngineView } from './engine-view.ts';
import { engineViewOf } from './fleet-messages.ts';
import { publishEngines } from './fleet.events.ts';
import { servedNames } from './models/names.ts';
import type { ParsedModel } from './models/parsed-model.ts';
import { ClusterView, type ClusterViewOptions } from './reconciling/cluster-view.ts';
import { Controller, type ControllerPorts } from './reconciling/controller.ts';
import { ToldEngines } from './reconciling/told-engines.ts';
import { cannotStart, startedTooLate } from './replicas/refusals.ts';

const log = logger('fleet');

/** What waits here is told to whoever leads this often, milliseconds. */
const tellMs = 1_000;

/** The engines of a cluster, as the service asks for them. */
export interface ClusterEngines {
  start(): Promise<void>;
  stop(): Promise<void>;
  list(): EngineView[];
  /** Resolves with an engine that serves the model. Throws why none will. */
  activate(model: string, signal: AbortSignal): Promise<EngineView>;
  /** Takes note that requests run on what serves the model. */
  used(model: string): EngineView;
}

export interface KubernetesFleetPorts extends Omit<ControllerPorts, 'api' | 'view' | 'demandOf' | 'publish'> {
  readonly api: KubeApi;
  readonly bus: Bus;
  readonly clock: Clock;
  readonly random: Random;
  readonly identity: string;
  /** Ends the connections to the cluster and to its engines. */
  close(): Promise<void>;
  /** Runs what leads while this process is the one, and again whenever it is anew. */
  elect(onLeading: (signal: AbortSignal) => Promise<void>): { start(): void; stop(): Promise<void> };
}

/**
 * The Models of a cluster. One controller of several leads: it alone acts, looks at engines and tells of them. The others
 * follow the cluster, answer with what the leader told, and pass on what waits with them.
 */
export class KubernetesFleet implements ClusterEngines {
  private readonly view: ClusterView;
  private readonly ledger: DemandLedger;
  private readonly told = new ToldEngines();
  private readonly demands = new Map<string, ScopeDemand>();
  private readonly election: { start(): void; stop(): Promise<void> };
  private readonly subscriptions: Subscription[] = [];
  private controller: Controller | undefined;
  private synced = false;
  private open = false;
  private tellsWaiting = false;
  private timer: Timer | undefined;
  private forgetGauge: (() => void) | undefined;

  constructor(
    private readonly ports: KubernetesFleetPorts,
    options: ClusterViewOptions,
  ) {
    this.view = new ClusterView(ports.api, options, ports, (scope) => this.changed(scope));
    this.ledger = new DemandLedger(ports.clock, (id) => this.originOf(id));
    this.election = ports.elect((signal) => this.lead(signal));
  }

  /** Does not wait for the cluster: one that is away is looked for on and on, and local engines are served meanwhile. */
  async start(): Promise<void> {
    const { bus, clock } = this.ports;
    this.open = true;
    this.subscriptions.push(
      await bus.subscribe(routerDemand, (demand) => this.ledger.hear(demand)),
      await bus.subscribe(enginesChanged, ({ scope, engines }) => {
        if (!this.controller && this.demands.has(scope)) this.told.update(scope, engines.map(engineViewOf));
      }),
    );
    this.forgetGauge = beforeRead(() => this.controller?.count());
    this.timer = clock.every(tellMs, () => void this.tellWaiting());
    this.view.start().then(
      () => {
        this.synced = true;
        if (this.open) this.election.start();
      },
      () => undefined,
    );
  }

  /** Leaves engines and workloads as they are. */
  async stop(): Promise<void> {
    this.open = false;
    this.timer?.cancel();
    this.forgetGauge?.();
    await this.election.stop();
    await this.view.stop();
    await Promise.all(this.subscriptions.map((one) => one.close()));
    await this.ports.close();
  }

  list(): EngineView[] {
    return [...this.view.scopes()].flatMap((scope) => this.enginesOf(scope));
  }

  async activate(model: string, signal: AbortSignal): Promise<EngineView> {
    const [scope, demand] = this.serving(model);
    const done = demand.wait();
    if (!this.controller) void this.tellWaiting();
    try {
      const led = this.controller?.find(scope);
      if (!led) return await this.hearsOf(scope, model, signal);
      return await led.replicas.activate(model, signal).catch((error: unknown) => {
        // Another leads now: it hears of what waits here.
        if (led.closed && !signal.aborted && this.open) return this.hearsOf(scope, model, signal);
        throw error;
      });
    } finally {
      done();
    }
  }

  used(model: string): EngineView {
    const [scope, demand] = this.serving(model);
    demand.used();
    const engines = this.enginesOf(scope);
    const engine = engines.find(({ state }) => state === 'ready') ?? engines[0];
    if (!engine) throw new FlotillaError('engine_unavailable', `${scope} has no engines yet.`);
    return engine;
  }

  /** Another leads: an engine comes as it tells, within the time that the Model may take. */
  private async hearsOf(scope: string, model: string, signal: AbortSignal): Promise<EngineView> {
    const parsed = this.view.model(scope);
    // Of a Model that makes no sense none is started: who is not there already will not come.
    const startMs = parsed?.problem === undefined ? (parsed?.model.spec.startTimeoutSeconds ?? 0) * 1_000 : 0;
    const deadline = deadlineSignal(this.ports.clock, startMs, signal);
    try {
      return await this.told.ready(scope, model, deadline.signal);
    } catch (error) {
      if (!deadline.signal.aborted || signal.aborted) throw error;
      if (parsed?.problem !== undefined) throw cannotStart(scope, parsed.problem);
      throw startedTooLate(
        scope,
        startMs,
        this.told.of(scope).map(({ reason }) => reason),
      );
    } finally {
      deadline.clear();
    }
  }

  private enginesOf(scope: string): readonly EngineView[] {
    return this.controller?.engines(scope) ?? this.told.of(scope);
  }

  private serving(model: string): [string, ScopeDemand] {
    const serving = [...this.demands].filter(([, { names }]) => names.includes(model));
    const ready = serving.find(([scope]) => this.enginesOf(scope).some(({ state }) => state === 'ready'));
    const found = ready ?? serving[0];
    if (found) return found;
    if (!this.synced) {
      const details = { retryAfterMs: 1_000 };
      throw new FlotillaError('unavailable', 'The models of the cluster are not known yet.', { details });
    }
    throw new FlotillaError('engine_unavailable', `No Model of the cluster serves ${model}.`);
  }

  private changed(scope: string | undefined): void {
    if (scope !== undefined) this.follow(scope, this.view.model(scope));
    this.controller?.changed(scope);
  }

  private follow(scope: string, parsed: ParsedModel | undefined): void {
    const demand = this.demands.get(scope);
    if (!parsed) {
      this.demands.delete(scope);
      this.ledger.close(scope);
      this.told.update(scope, []);
    } else if (parsed.problem === undefined) {
      const names = servedNames(parsed.model);
      if (demand) demand.names = names;
      else
        this.demands.set(
          scope,
          this.ledger.open(scope, names, () => this.controller?.wake(scope)),
        );
    }
  }

  private async lead(signal: AbortSignal): Promise<void> {
    const publish = (scope: string, engines: readonly EngineView[]) => this.publish(scope, engines);
    const demandOf = (scope: string) => this.demands.get(scope);
    const controller = new Controller({ ...this.ports, view: this.view, demandOf, publish }, signal);
    this.controller = controller;
    controller.start();
    await new Promise<void>((resolve) => {
      if (signal.aborted) resolve();
      else signal.addEventListener('abort', () => resolve(), { once: true });
    });
    this.controller = undefined;
    await controller.stop();
  }

  private async publish(scope: string, engines: readonly EngineView[]): Promise<void> {
    this.told.update(scope, engines);
    await publishEngines(this.ports.bus, engines, scope);
  }

  /** The leader hears of what waits here as of a router's demand, and once more when it does no longer. */
  private async tellWaiting(): Promise<void> {
    const waiting = this.controller ? [] : [...this.demands.values()].filter(({ waits }) => waits);
    if (waiting.length === 0 && !this.tellsWaiting) return;
    this.tellsWaiting = waiting.length > 0;
    const models = waiting.map(({ names }) =>
      events.ModelDemand.fromPartial({ provider: fleetProvider, model: names[0]!, held: 1 }),
    );
    const routerId = controllerId(this.ports.identity);
    try {
      await this.ports.bus.publish(routerDemand, { routerId, models });
    } catch (error) {
      log.warn('what waits here could not be told', { error });
    }
  }

  private originOf(engineId: string): { scope: string; revision: string } | undefined {
    const [namespace, pod] = engineId.split('/');
    if (namespace === undefined || pod === undefined) return undefined;
    return this.view.originOf(namespace, pod);
  }
}
