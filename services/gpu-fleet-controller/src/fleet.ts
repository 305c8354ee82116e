import {
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
import { Announcer } from './announcer.ts';
import type { FleetConfig } from './config.ts';
import { deadlineSignal } from './deadline-signal.ts';
import { discoverProviders } from './discovery.ts';
import type { EngineView } from './engine-view.ts';
import { Engine, type EnginePorts } from './engine.ts';
import { enginesByState } from './fleet.metrics.ts';
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
  processes: ProcessHost;
  publish(engines: readonly EngineView[]): Promise<void>;
}

/** All engines of this machine: one for each provider of the platform file, which may change at any time. */
export class Fleet {
  /** By name of the provider; bounded by the file. */
  private readonly engines = new Map<string, Engine>();
  private readonly announcer: Announcer;
  private readonly enginePorts: EnginePorts;
  /** Changes of the file are followed one after another. */
  private work: Promise<void> = Promise.resolve();
  private forget: (() => void) | undefined;
  private discovery: Timer | undefined;
  private open = false;

  constructor(
    private readonly config: FleetConfig,
    private readonly ports: FleetPorts,
  ) {
    this.announcer = new Announcer(() => this.tell(), ports.clock);
    this.enginePorts = {
      clock: ports.clock,
      probe: ports.http.probe,
      processes: ports.processes,
      records: new ProcessRecords(config.stateDir),
      secret: (name) => readVariable(name, ports.env),
      changed: (what) => this.announcer.changed(what),
    };
  }

  list(): EngineView[] {
    return [...this.engines.values()].map((engine) => engine.view());
  }

  /** Looks after the engines; resolves when it is known of each whether it answers, at the latest after `startWaitMs`. */
  async start(): Promise<void> {
    const { clock, file } = this.ports;
    this.open = true;
    await this.follow();
    this.forget = file.onChange(() => void this.follow());
    const deadline = deadlineSignal(clock, this.config.startWaitMs);
    await Promise.allSettled([...this.engines.values()].map((engine) => engine.settled(deadline.signal)));
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
    await Promise.all([...this.engines.values()].map((engine) => engine.close()));
    this.engines.clear();
    await this.ports.http.close();
  }

  /** Starts a local engine; resolves when it answers. */
  async startEngine(id: string, signal: AbortSignal): Promise<EngineView> {
    const engine = this.find(id);
    await engine.start(signal);
    return engine.view();
  }

  async stopEngine(id: string): Promise<EngineView> {
    const engine = this.find(id);
    await engine.stop();
    return engine.view();
  }

  private find(id: string): Engine {
    const engine = this.engines.get(id);
    if (engine) return engine;
    const known = [...this.engines.keys()].join(', ') || 'none';
    throw new FlotillaError('not_found', `There is no engine "${id}". Known: ${known}.`);
  }

  private follow(): Promise<void> {
    this.work = this.work.then(async () => {
      if (!this.open) return;
      try {
        await this.apply(await this.providers());
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

  private async apply(providers: readonly ProviderConfig[]): Promise<void> {
    const wanted = new Map(providers.map((provider) => [provider.name, provider]));
    const gone = [...this.engines.values()].filter(
      ({ provider }) => JSON.stringify(provider) !== JSON.stringify(wanted.get(provider.name)),
    );
    await Promise.all(gone.map((engine) => engine.close()));
    for (const { provider } of gone) this.engines.delete(provider.name);
    const commands = new Map(providers.flatMap(({ name, process }) => (process ? [[name, process] as const] : [])));
    const { processes, clock } = this.ports;
    await endStrays(this.enginePorts.records, commands, processes, clock, this.config.stopTimeoutMs);
    let changed = gone.length > 0;
    for (const provider of wanted.values()) {
      if (this.engines.has(provider.name)) continue;
      const engine = new Engine(provider, this.config, this.enginePorts);
      this.engines.set(provider.name, engine);
      engine.open();
      changed = true;
    }
    if (changed) this.announcer.changed('state');
  }

  private async tell(): Promise<void> {
    const engines = this.list();
    for (const state of ['stopped', 'starting', 'ready', 'unhealthy'] as const) {
      enginesByState.set(engines.filter((engine) => engine.state === state).length, { state });
    }
    await this.ports.publish(engines);
  }
}
