import path from 'node:path';
import {
  fleetProvider,
  FlotillaError,
  readVariable,
  type Clock,
  type Environment,
  type Live,
  type PlatformFile,
  type ProviderConfig,
  type Timer,
} from '@flotilla/kernel';
import { logger } from '@flotilla/telemetry';
import { Activation, type AutostartView } from './activation/activation.ts';
import type { OllamaControl } from './activation/ollama-control.ts';
import { OllamaModel } from './activation/ollama-model.ts';
import type { EngineUnit, OnDemandEngine } from './activation/unit.ts';
import { unitsOf } from './activation/units.ts';
import { Announcer } from './announcer.ts';
import type { FleetConfig } from './config.ts';
import { deadlineSignal } from './deadline-signal.ts';
import { discoverProviders } from './discovery.ts';
import type { EngineView } from './engine-view.ts';
import { Engine, type EnginePorts } from './engine.ts';
import { enginesByState } from './fleet.metrics.ts';
import type { ClusterEngines } from './kubernetes-fleet.ts';
import { LogFile } from './log-file.ts';
import { endStrays } from './managed-process.ts';
import type { HttpProbe } from './probe.http.ts';
import type { ProcessHost } from './process-host.ts';
import { ProcessRecords } from './process-records.ts';

const log = logger('fleet');

/** How often engines are looked for while there are none, milliseconds. */
const discoverIntervalMs = 10_000;

export interface FleetPorts {
  clock: Clock;
  env: Environment;
  file: Live<PlatformFile>;
  http: HttpProbe;
  ollama: OllamaControl;
  processes: ProcessHost;
  publish(engines: readonly EngineView[]): Promise<void>;
  /** The engines of a Kubernetes cluster beside those of this machine. Absent: there are none. */
  cluster?: ClusterEngines;
}

interface Held {
  readonly engine: OnDemandEngine;
  /** What it was made from, to see whether that changed. */
  readonly made: string;
}

/**
 * All engines of this machine, one for each provider of the platform file or for each of its services, and those of a cluster;
 * the file may change at any time.
 */
export class Fleet {
  /** By id; bounded by the file. */
  private readonly engines = new Map<string, Held>();
  private readonly announcer: Announcer;
  private readonly enginePorts: EnginePorts;
  private readonly activation: Activation;
  /** Changes of the file are followed one after another. */
  private work: Promise<void> = Promise.resolve();
  private forget: (() => void) | undefined;
  private discovery: Timer | undefined;
  private open = false;
  private followed = false;

  constructor(
    private readonly config: FleetConfig,
    private readonly ports: FleetPorts,
  ) {
    const { clock, env, http, processes } = ports;
    const { stateDir, logDir = stateDir && path.join(stateDir, 'logs'), maxLogBytes } = config;
    this.announcer = new Announcer(() => this.tell(), clock);
    this.activation = new Activation(config.autostartEnabled, clock);
    this.enginePorts = {
      ...{ clock, processes, probe: http.probe },
      records: new ProcessRecords(stateDir),
      logOf: (id) => (logDir ? new LogFile(logDir, id, maxLogBytes) : undefined),
      secret: (name) => readVariable(name, env),
      changed: (what) => this.announcer.changed(what),
    };
  }

  list(): EngineView[] {
    return [...this.local(), ...(this.ports.cluster?.list() ?? [])];
  }

  /** Looks after the engines; resolves when it is known of each whether it answers, at the latest after `startWaitMs`. */
  async start(): Promise<void> {
    const { clock, file } = this.ports;
    this.open = true;
    await this.ports.cluster?.start();
    await this.follow();
    this.forget = file.onChange(() => void this.follow());
    const deadline = deadlineSignal(clock, this.config.startWaitMs);
    await Promise.allSettled([...this.engines.values()].map(({ engine }) => engine.settled(deadline.signal)));
    deadline.clear();
    this.announcer.start();
  }

  /** Stops the processes it started and looks no more. */
  async stop(): Promise<void> {
    this.open = false;
    this.forget?.();
    this.discovery?.cancel();
    this.announcer.stop();
    await this.work;
    const closed = this.activation.close();
    await Promise.all([...this.engines.values()].map(({ engine }) => engine.close()));
    await closed;
    await this.ports.cluster?.stop();
    this.engines.clear();
    await this.ports.http.close();
    await this.ports.ollama.close();
  }

  /** Starts a local engine; resolves when it answers. */
  async startEngine(id: string, signal: AbortSignal): Promise<EngineView> {
    const engine = this.find(id);
    const slot = this.activation.slotOf(engine);
    await (slot ? slot.activate(engine, signal) : engine.start(signal));
    return engine.view();
  }

  async stopEngine(id: string): Promise<EngineView> {
    const engine = this.find(id);
    const slot = this.activation.slotOf(engine);
    await (slot ? slot.stop(engine) : engine.stop());
    return engine.view();
  }

  /** Sees to it that the provider serves the model; resolves when it does. */
  async activate(provider: string, model: string, signal: AbortSignal): Promise<EngineView> {
    const { cluster } = this.ports;
    if (cluster && provider === fleetProvider) return cluster.activate(model, signal);
    return (await this.activation.activate(provider, model, signal)).view();
  }

  /** Takes note that requests run on what serves the model. */
  used(provider: string, model: string): EngineView {
    const { cluster } = this.ports;
    if (cluster && provider === fleetProvider) return cluster.used(model);
    return this.activation.used(provider, model).view();
  }

  autostart(): { enabled: boolean; services: AutostartView[] } {
    return { enabled: this.config.autostartEnabled, services: this.activation.list() };
  }

  private local(): EngineView[] {
    const engines = [...this.engines.values()].map(({ engine }) => engine);
    return engines.map((engine) => withoutLoaded(engine.view(), engines));
  }

  private find(id: string): OnDemandEngine {
    const held = this.engines.get(id);
    if (held) return held.engine;
    const known = [...this.engines.keys()].join(', ') || 'none';
    throw new FlotillaError('not_found', `There is no engine "${id}". Known: ${known}.`);
  }

  private follow(): Promise<void> {
    this.work = this.work.then(async () => {
      if (!this.open) return;
      try {
        await this.apply(unitsOf(await this.providers(), this.ports.file.current.models, this.config));
      } catch (error) {
        log.error('the engines of the configuration could not all be taken', { error });
      }
    });
    return this.work;
  }

  private async providers(): Promise<readonly ProviderConfig[]> {
    const { file, env, clock, http } = this.ports;
    this.discovery?.cancel();
    if (file.current.providers.length > 0 || !this.config.discover) return file.current.providers;
    const found = await discoverProviders(env, { probe: http.probe, clock });
    if (found.length === 0 && this.open) {
      this.discovery = clock.after(discoverIntervalMs, () => void this.follow());
    }
    return found;
  }

  private async apply(units: readonly EngineUnit[]): Promise<void> {
    const wanted = new Map(units.map((unit) => [unit.id, unit]));
    const gone = [...this.engines].filter(([id, { made }]) => made !== originOf(wanted.get(id)));
    for (const [id, { engine }] of gone) {
      this.activation.remove(engine);
      this.engines.delete(id);
    }
    await Promise.all(gone.map(([, { engine }]) => engine.close()));
    await this.endStrays(units);
    for (const unit of units) {
      const held = this.engines.get(unit.id);
      if (held) {
        held.engine.onDemand = unit.onDemand;
        continue;
      }
      const engine = this.make(unit);
      this.engines.set(unit.id, { engine, made: originOf(unit)! });
      engine.open();
      this.activation.add(engine);
    }
    this.announcer.changed('state');
  }

  private make({ onDemand, ...unit }: EngineUnit): OnDemandEngine {
    if (onDemand?.ollamaModel === undefined)
      return new Engine({ ...unit, ...(onDemand && { onDemand }) }, this.config, this.enginePorts);
    const control = this.ports.ollama;
    return new OllamaModel({ ...unit, onDemand }, this.config, { ...this.enginePorts, control });
  }

  private async endStrays(units: readonly EngineUnit[]): Promise<void> {
    const commands = new Map(
      units.flatMap(({ id, provider }) => (provider.process ? [[id, provider.process] as const] : [])),
    );
    // Only at the start: later, what has not answered yet is being started.
    const onDemand = new Set(this.followed ? [] : units.filter((unit) => unit.onDemand).map(({ id }) => id));
    this.followed = true;
    const { processes, clock } = this.ports;
    await endStrays(this.enginePorts.records, commands, onDemand, processes, clock, this.config.stopTimeoutMs);
  }

  private async tell(): Promise<void> {
    const engines = this.local();
    for (const state of ['stopped', 'starting', 'ready', 'unhealthy'] as const) {
      enginesByState.set(engines.filter((engine) => engine.state === state).length, { state });
    }
    await this.ports.publish(engines);
  }
}

/** What a change of means another engine. */
function originOf(unit: EngineUnit | undefined): string | undefined {
  if (!unit) return undefined;
  const { id, provider, onDemand } = unit;
  return JSON.stringify([id, provider, onDemand !== undefined, onDemand?.ollamaModel]);
}

/** A server's list without those of its models that are engines of their own. */
function withoutLoaded(view: EngineView, engines: readonly OnDemandEngine[]): EngineView {
  if (view.kind !== 'ollama' || view.onDemand) return view;
  const own = engines.filter(
    ({ id, onDemand }) => onDemand?.allowed && onDemand.ollamaModel !== undefined && id.startsWith(`${view.id}/`),
  );
  const names = own.flatMap((engine) => [engine.onDemand!.ollamaModel!, `${engine.onDemand!.ollamaModel!}:latest`]);
  return names.length === 0 ? view : { ...view, models: view.models.filter(({ name }) => !names.includes(name)) };
}
