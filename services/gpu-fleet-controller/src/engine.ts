import { FlotillaError, type Clock, type ProviderConfig, type Timer } from '@flotilla/kernel';
import { logger, redactText } from '@flotilla/telemetry';
import { deadlineSignal } from './deadline-signal.ts';
import {
  baseUrlOf,
  isNear,
  type EngineLoad,
  type EngineState,
  type EngineView,
  type ServedModel,
} from './engine-view.ts';
import { probeSeconds } from './fleet.metrics.ts';
import { ManagedProcess, type ProcessPolicy } from './managed-process.ts';
import { ProbeFailure, type Probe, type ProbeAnswer } from './probe.ts';
import type { ProcessHost } from './process-host.ts';
import type { ProcessRecords } from './process-records.ts';

const log = logger('fleet');

/** A process that starts is looked at this often, so that it is used as soon as it can be. Milliseconds. */
const startingIntervalMs = 200;
/** Lines of a failed process that are logged. */
const maxLogged = 20;
/** Characters shown of a line that a process wrote. */
const maxSaid = 200;
/** The longest pause between probes of an engine that does not answer. Milliseconds. */
const maxPauseMs = { near: 5_000, far: 300_000 };

export interface EngineConfig extends ProcessPolicy {
  probeIntervalMs: number;
  remoteProbeIntervalMs: number;
  probeTimeoutMs: number;
  failureThreshold: number;
  hungAfterMs: number;
}

export interface EnginePorts {
  clock: Clock;
  probe: Probe;
  processes: ProcessHost;
  records: ProcessRecords;
  /** The value of an environment variable that holds an API key. */
  secret(name: string): string | undefined;
  /** What others see of it is not what it was. */
  changed(what: 'state' | 'load'): void;
}

/** One engine: its process, when it is ours, and what its probes say. */
export class Engine {
  readonly provider: ProviderConfig;
  private readonly baseUrl: string;
  private readonly near: boolean;
  private readonly process: ManagedProcess | undefined;
  private state: EngineState = 'starting';
  private reason = 'not probed yet';
  private since: number;
  private models: readonly ServedModel[] = [];
  private load: EngineLoad | undefined;
  private timer: Timer | undefined;
  private looking = false;
  private failures = 0;
  /** Monotonic time since when it owes an answer: its start, or its last answer. */
  private owesSince = 0;
  /** Grows with every start and end of the process: an answer to an older probe is void. */
  private life = 0;
  /** Its process answered since it was started. */
  private served = false;
  private readonly closing = new AbortController();
  private readonly waiting = new Set<() => void>();

  constructor(
    provider: ProviderConfig,
    private readonly config: EngineConfig,
    private readonly ports: EnginePorts,
  ) {
    this.provider = provider;
    this.baseUrl = baseUrlOf(provider);
    this.near = isNear(this.baseUrl);
    this.since = ports.clock.now();
    if (!provider.process) return;
    const { processes, records, clock } = ports;
    this.process = new ManagedProcess(provider.name, provider.process, processes, records, config, clock, {
      started: () => this.onStarted(),
      stopped: () => this.onStopped(),
      crashed: (reason, output, ms) =>
        this.onDown('unhealthy', `${reason}${this.said(output)}; it starts again in ${Math.ceil(ms / 100) / 10} s`),
      gaveUp: (reason, output) => this.onDown('stopped', `${reason}${this.said(output)}`),
    });
  }

  view(): EngineView {
    const { state, reason, since, models, load, baseUrl } = this;
    const { name, kind } = this.provider;
    return { id: name, kind, baseUrl, state, models, reason, since, managed: this.process !== undefined, load };
  }

  /** Begins to look after it; starts its process when it starts with the platform. */
  open(): void {
    if (!this.process) this.schedule(0);
    else if (this.provider.process?.autostart) this.process.start();
    else this.enter('stopped', 'it is started when it is asked for');
  }

  /** Stops its process, if it has one, and looks no more. */
  async close(): Promise<void> {
    this.closing.abort();
    this.timer?.cancel();
    await this.process?.stop();
    this.enter('stopped', 'the controller no longer looks after it');
  }

  /** Starts its process and resolves when it answers. Throws when it has none, gives up, or the signal aborts. */
  async start(signal: AbortSignal): Promise<void> {
    if (this.own().start()) this.enter('starting', 'its process is being started');
    await this.until(() => this.state === 'ready' || this.state === 'stopped', signal);
    if (this.state !== 'ready') throw new FlotillaError('model_start_timeout', `${this.provider.name}: ${this.reason}`);
  }

  /** Stops its process; resolves when it is gone. */
  async stop(): Promise<void> {
    await this.own().stop();
  }

  /** Resolves when it is known whether it answers. */
  settled(signal: AbortSignal): Promise<void> {
    return this.until(() => this.state !== 'starting', signal);
  }

  private own(): ManagedProcess {
    if (this.process) return this.process;
    throw new FlotillaError(
      'invalid_request',
      `${this.provider.name} is no process of this machine: the configuration gives it no "process", so it is only probed.`,
    );
  }

  private until(condition: () => boolean, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const look = () => {
        if (!condition() && !signal.aborted) return;
        this.waiting.delete(look);
        signal.removeEventListener('abort', look);
        if (signal.aborted) reject(signal.reason);
        else resolve();
      };
      this.waiting.add(look);
      signal.addEventListener('abort', look);
      look();
    });
  }

  /**
   * What a process said before it ended, to be shown with the reason, and more of it in the log: only of one that never
   * served, so that nothing a user wrote can be in it.
   */
  private said(output: readonly string[]): string {
    if (output.length === 0 || this.served) return '';
    log.warn('an engine process ended before it served', {
      engine: this.provider.name,
      output: output.slice(-maxLogged),
    });
    return ` ("${redactText(output.at(-1)!).slice(0, maxSaid)}")`;
  }

  private onStarted(): void {
    this.life += 1;
    this.failures = 0;
    this.served = false;
    this.owesSince = this.ports.clock.monotonic();
    this.enter('starting', 'its process was started and does not answer yet');
    this.schedule(0);
  }

  private onStopped(): void {
    // Asked for again while it was being stopped: it starts anew.
    if (this.process!.wanted) this.onDown('starting', 'its process is being started');
    else this.onDown('stopped', 'it was stopped on request');
  }

  private onDown(state: EngineState, reason: string): void {
    this.life += 1;
    this.timer?.cancel();
    if (state === 'stopped') this.models = [];
    this.enter(state, reason);
  }

  private schedule(ms: number): void {
    this.timer?.cancel();
    if (!this.closing.signal.aborted) this.timer = this.ports.clock.after(ms, () => void this.look());
  }

  private async look(): Promise<void> {
    // The probe under way schedules the next one when it ends.
    if (this.looking) return;
    this.looking = true;
    const { life } = this;
    const { clock } = this.ports;
    const started = clock.monotonic();
    const deadline = deadlineSignal(clock, this.config.probeTimeoutMs * (this.near ? 1 : 10), this.closing.signal);
    let outcome = 'answered';
    try {
      const answer = await this.ports.probe(this.target(), deadline.signal);
      if (life === this.life) this.onAnswer(answer);
    } catch (error) {
      outcome = 'failed';
      if (!(error instanceof ProbeFailure)) log.error('a probe broke', { engine: this.provider.name, error });
      if (life === this.life) this.onFailure(error instanceof ProbeFailure ? error.message : 'its probe broke');
    } finally {
      deadline.clear();
      this.looking = false;
    }
    probeSeconds.record((clock.monotonic() - started) / 1_000, { engine: this.provider.name, outcome });
    if (!this.process || this.process.alive) this.schedule(this.pause());
  }

  private target() {
    const { kind, api_key_env: variable } = this.provider;
    const apiKey = variable === undefined ? undefined : this.ports.secret(variable);
    if (variable !== undefined && apiKey === undefined) throw new ProbeFailure(`${variable} is not set`);
    return { kind, baseUrl: this.baseUrl, apiKey };
  }

  private onAnswer({ models, load }: ProbeAnswer): void {
    this.failures = 0;
    this.served = true;
    this.owesSince = this.ports.clock.monotonic();
    const listed = models !== undefined && JSON.stringify(models) !== JSON.stringify(this.models);
    if (listed) this.models = models;
    const loaded = JSON.stringify(load) !== JSON.stringify(this.load);
    this.load = load;
    if (this.state !== 'ready') this.enter('ready', '');
    else if (listed) this.ports.changed('state');
    else if (loaded) this.ports.changed('load');
  }

  private onFailure(reason: string): void {
    this.failures += 1;
    if (this.state === 'ready' && this.failures < this.config.failureThreshold) return;
    const owed = this.ports.clock.monotonic() - this.owesSince;
    if (this.process && this.state === 'starting') {
      const limit = this.provider.process!.start_timeout_ms;
      if (owed >= limit) this.process.replace(`it did not answer within ${limit / 1_000} s of its start (${reason})`);
      return;
    }
    this.load = undefined;
    if (this.state !== 'unhealthy' || this.reason !== reason) this.enter('unhealthy', reason);
    if (owed >= this.config.hungAfterMs)
      this.process?.replace(`it did not answer for ${Math.round(owed / 1_000)} s (${reason})`);
  }

  private pause(): number {
    if (this.process && this.state === 'starting') return Math.min(startingIntervalMs, this.config.probeIntervalMs);
    const interval = this.near ? this.config.probeIntervalMs : this.config.remoteProbeIntervalMs;
    const over = this.failures - this.config.failureThreshold;
    if (over <= 0 || this.process) return interval;
    const longest = Math.max(interval, this.near ? maxPauseMs.near : maxPauseMs.far);
    return Math.min(longest, interval * 2 ** Math.min(over, 10));
  }

  private enter(state: EngineState, reason: string): void {
    if (state !== this.state) {
      this.since = this.ports.clock.now();
      log.info('an engine changed its state', { engine: this.provider.name, from: this.state, to: state, reason });
    }
    if (state !== 'ready') this.load = undefined;
    this.state = state;
    this.reason = reason;
    this.ports.changed('state');
    for (const look of [...this.waiting]) look();
  }
}
