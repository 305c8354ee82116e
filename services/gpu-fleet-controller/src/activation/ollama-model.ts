import {
  abortable,
  FlotillaError,
  providerUrl,
  toFlotillaError,
  type Clock,
  type ProviderConfig,
  type Timer,
} from '@flotilla/kernel';
import { logger } from '@flotilla/telemetry';
import { deadlineSignal } from '../deadline-signal.ts';
import type { EngineState, EngineView } from '../engine-view.ts';
import type { OllamaControl, OllamaServer } from './ollama-control.ts';
import type { EngineUnit, OnDemand, OnDemandEngine } from './unit.ts';

const log = logger('fleet');

/** What the server may take to let a model go, milliseconds. */
const unloadMs = 30_000;

export interface OllamaModelPorts {
  clock: Clock;
  control: OllamaControl;
  secret(name: string): string | undefined;
  changed(what: 'state' | 'load'): void;
}

export interface OllamaModelConfig {
  probeIntervalMs: number;
  probeTimeoutMs: number;
}

/** One model of an Ollama server as an engine of its own: it runs while the server has it in memory. */
export class OllamaModel implements OnDemandEngine {
  readonly id: string;
  onDemand: OnDemand;
  readonly pid = undefined;
  readonly logFile = undefined;
  readonly busyAt = 0;
  private readonly provider: ProviderConfig;
  private readonly baseUrl: string;
  private state: EngineState = 'starting';
  private reason = 'not probed yet';
  private since: number;
  private retired: string | undefined;
  private timer: Timer | undefined;
  private loading = false;
  /** Grows with every load and unload: an answer to an older look is void. */
  private life = 0;
  private readonly closing = new AbortController();
  private readonly first = Promise.withResolvers<void>();

  constructor(
    unit: EngineUnit & { readonly onDemand: OnDemand },
    private readonly config: OllamaModelConfig,
    private readonly ports: OllamaModelPorts,
  ) {
    this.id = unit.id;
    this.onDemand = unit.onDemand;
    this.provider = unit.provider;
    this.baseUrl = providerUrl(unit.provider);
    this.since = ports.clock.now();
  }

  get up(): boolean {
    return this.state === 'ready';
  }

  view(): EngineView {
    const { id, since, baseUrl, onDemand } = this;
    const state = this.retired === undefined ? this.state : 'stopped';
    const models = onDemand.models.map((name) => ({ name, capabilities: [] }));
    return {
      ...{ id, provider: this.provider.name, kind: this.provider.kind, baseUrl, since, managed: true },
      ...{ state, reason: this.retired ?? this.reason, load: undefined, onDemand: onDemand.allowed },
      models: state === 'ready' ? models : [],
      activatable: state !== 'ready' && onDemand.allowed ? onDemand.models : [],
    };
  }

  open(): void {
    void this.look();
  }

  async close(): Promise<void> {
    this.closing.abort();
    this.timer?.cancel();
    this.first.resolve();
  }

  async settled(signal: AbortSignal): Promise<void> {
    await abortable(this.first.promise, signal);
  }

  async start(signal: AbortSignal): Promise<void> {
    this.loading = true;
    this.life += 1;
    this.enter('starting', 'it is being loaded');
    try {
      await this.ports.control.load(this.server(), this.onDemand.ollamaModel!, signal);
      this.enter('ready', '');
    } catch (error) {
      const failure = toFlotillaError(error);
      this.enter('stopped', failure.message);
      throw failure;
    } finally {
      this.loading = false;
      this.life += 1;
    }
  }

  async stop(): Promise<void> {
    const deadline = deadlineSignal(this.ports.clock, unloadMs, this.closing.signal);
    try {
      await this.ports.control.unload(this.server(), this.onDemand.ollamaModel!, deadline.signal);
      this.enter('stopped', this.retired ?? 'it was unloaded on request');
    } catch (error) {
      log.warn('a model could not be unloaded', { engine: this.id, error });
    } finally {
      deadline.clear();
      this.life += 1;
      this.retired = undefined;
    }
  }

  retire(reason: string): void {
    this.retired = reason;
    this.ports.changed('state');
  }

  recall(): void {
    this.retired = undefined;
    this.ports.changed('state');
  }

  /** The server itself lets what runs finish before it unloads a model. */
  quietSince(): boolean {
    return true;
  }

  private async look(): Promise<void> {
    const { clock } = this.ports;
    const { life } = this;
    const deadline = deadlineSignal(clock, this.config.probeTimeoutMs, this.closing.signal);
    const [state, reason] = await this.seen(deadline.signal);
    deadline.clear();
    if (!this.loading && life === this.life) this.enter(state, reason);
    this.first.resolve();
    if (!this.closing.signal.aborted) this.timer = clock.after(this.config.probeIntervalMs, () => void this.look());
  }

  private async seen(signal: AbortSignal): Promise<[state: EngineState, reason: string]> {
    try {
      const loaded = await this.ports.control.loaded(this.server(), signal);
      const here = loaded.includes(this.onDemand.ollamaModel!);
      return here ? ['ready', ''] : ['stopped', 'it is loaded when it is asked for'];
    } catch (error) {
      return ['unhealthy', signal.aborted ? 'it did not answer in time' : toFlotillaError(error).message];
    }
  }

  private server(): OllamaServer {
    const variable = this.provider.api_key_env;
    const apiKey = variable === undefined ? undefined : this.ports.secret(variable);
    if (variable !== undefined && apiKey === undefined)
      throw new FlotillaError('engine_unavailable', `${variable} is not set`);
    return { baseUrl: this.baseUrl, apiKey };
  }

  private enter(state: EngineState, reason: string): void {
    if (state === this.state && (reason === this.reason || state === 'stopped')) return;
    if (state !== this.state) this.since = this.ports.clock.now();
    this.state = state;
    this.reason = reason;
    this.ports.changed('state');
  }
}
