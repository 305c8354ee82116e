import { FlotillaError, providerUrl, type Clock, type ProviderConfig, type Timer } from '@flotilla/kernel';
import { logger, redactText } from '@flotilla/telemetry';
import type { EngineUnit, OnDemand, OnDemandEngine } from './activation/unit.ts';
import { deadlineSignal } from './deadline-signal.ts';
import { isNear, type EngineLoad, type EngineState, type EngineView, type ServedModel } from './engine-view.ts';
import { probeSeconds } from './fleet.metrics.ts';
import type { LogFile } from './log-file.ts';
import { ManagedProcess, type ProcessEvents, type ProcessPolicy } from './managed-process.ts';
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
  /** Where a process writes to. Absent: nowhere on disk. */
  logOf?(id: string): LogFile | undefined;
  /** The value of an environment variable that holds an API key. */
  secret(name: string): string | undefined;
  /** What others see of it is not what it was. */
  changed(what: 'state' | 'load'): void;
}

/** One engine: its process, when it is ours, and what its probes say. */
export class Engine implements OnDemandEngine {
  readonly id: string;
  onDemand: OnDemand | undefined;
  readonly logFile: string | undefined;
  /** Monotonic time at which requests were last seen to run on it. */
  busyAt = 0;
  private readonly provider: ProviderConfig;
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
  /** Why it is not to be used though it runs. */
  private retired: string | undefined;
  /** Monotonic time at which the last probe that it answered began. */
  private seenAt = -Infinity;
  private readonly closing = new AbortController();
  private readonly waiting = new Set<() => void>();

  constructor(
    unit: EngineUnit,
    private readonly config: EngineConfig,
    private readonly ports: EnginePorts,
  ) {
    const { id, provider, onDemand } = unit;
    this.id = id;
    this.onDemand = onDemand;
    this.provider = provider;
    this.baseUrl = providerUrl(provider);
    this.near = isNear(this.baseUrl);
    this.since = ports.clock.now();
    if (!provider.process) return;
    const { processes, records, clock } = ports;
    // What runs on demand is started again when it is asked for again, not by itself.
    const policy = onDemand ? { ...config, crashLimit: 1 } : config;
    const file = ports.logOf?.(id);
    this.logFile = file?.name;
    const events: ProcessEvents = {
      started: () => this.onStarted(),
      stopped: () => this.onStopped(),
      crashed: (reason, output, ms) =>
        this.onDown('unhealthy', `${reason}${this.said(output)}; it starts again in ${Math.ceil(ms / 100) / 10} s`),
      gaveUp: (reason, output) => this.onDown('stopped', `${reason}${this.said(output)}`),
    };
    const facts = { port: portOf(this.baseUrl), ...(onDemand && { models: [...onDemand.models] }) };
    this.process = new ManagedProcess(id, provider.process, processes, records, policy, clock, events, file, facts);
  }

  get pid(): number | undefined {
    return this.process?.pid;
  }

  get up(): boolean {
    return this.process?.wanted ?? true;
  }

  view(): EngineView {
    const { id, since, baseUrl, onDemand } = this;
    const { name, kind } = this.provider;
    const away = this.retired !== undefined;
    const [state, reason] = away ? (['stopped', this.retired!] as const) : ([this.state, this.reason] as const);
    const offered = onDemand?.allowed && state !== 'ready' ? onDemand.models : [];
    return {
      ...{ id, provider: name, kind, baseUrl, state, reason, since, managed: this.process !== undefined },
      ...{ models: away ? [] : this.models, load: away ? undefined : this.load },
      ...{ activatable: offered, onDemand: onDemand?.allowed ?? false },
    };
  }

  /** Begins to look after it; starts its process when it starts with the platform. */
  open(): void {
    if (!this.process) this.schedule(0);
    else if (this.provider.process?.autostart || this.process.left) this.process.start();
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
    if (this.state !== 'ready') throw new FlotillaError('err_model_start_timeout', `${this.id}: ${this.reason}`);
  }

  /** Stops its process; resolves when it is gone. */
  async stop(): Promise<void> {
    await this.own().stop();
  }

  retire(reason: string): void {
    this.retired = reason;
    this.ports.changed('state');
    this.schedule(0);
  }

  recall(): void {
    this.retired = undefined;
    this.ports.changed('state');
  }

  quietSince(moment: number): boolean | undefined {
    if (this.state !== 'ready') return true;
    if (this.seenAt < moment) return false;
    return this.load && this.load.running + this.load.waiting === 0;
  }

  /** Resolves when it is known whether it answers. */
  settled(signal: AbortSignal): Promise<void> {
    return this.until(() => this.state !== 'starting', signal);
  }

  private own(): ManagedProcess {
    if (this.process) return this.process;
    throw new FlotillaError(
      'invalid_request',
      `${this.id} is no process of this machine: the configuration gives it no "process", so it is only probed.`,
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
      engine: this.id,
      output: output.slice(-maxLogged),
    });
    return ` ("${redactText(output.at(-1)!).slice(0, maxSaid)}")`;
  }

  private onStarted(): void {
    this.life += 1;
    this.failures = 0;
    this.served = false;
    this.seenAt = -Infinity;
    this.retired = undefined;
    this.owesSince = this.ports.clock.monotonic();
    this.enter('starting', 'its process was started and does not answer yet');
    this.schedule(0);
  }

  private onStopped(): void {
    // Asked for again while it was being stopped: it starts anew.
    if (this.process!.wanted) this.onDown('starting', 'its process is being started');
    else this.onDown('stopped', this.retired ?? 'it was stopped on request');
  }

  private onDown(state: EngineState, reason: string): void {
    this.life += 1;
    this.timer?.cancel();
    if (state === 'stopped') {
      this.models = [];
      this.retired = undefined;
    }
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
      this.assertOwn(answer);
      if (life === this.life) this.onAnswer(answer, started);
    } catch (error) {
      outcome = 'failed';
      if (!(error instanceof ProbeFailure)) log.error('a probe broke', { engine: this.id, error });
      if (life === this.life) this.onFailure(error instanceof ProbeFailure ? error.message : 'its probe broke');
    } finally {
      deadline.clear();
      this.looking = false;
    }
    probeSeconds.record((clock.monotonic() - started) / 1_000, { engine: this.id, outcome });
    if (!this.process || this.process.alive) this.schedule(this.pause());
  }

  private target() {
    const { kind, api_key_env: variable } = this.provider;
    const apiKey = variable === undefined ? undefined : this.ports.secret(variable);
    if (variable !== undefined && apiKey === undefined) throw new ProbeFailure(`${variable} is not set`);
    return { kind, baseUrl: this.baseUrl, apiKey };
  }

  /** At an address that several share, another one may still answer. */
  private assertOwn({ models }: ProbeAnswer): void {
    if (!this.onDemand?.shares || !models) return;
    const own = this.onDemand.models;
    if (!models.some(({ name }) => own.includes(name)))
      throw new ProbeFailure(`what answers at its address does not serve ${own.join(', ')}`);
  }

  private onAnswer({ models, load }: ProbeAnswer, began: number): void {
    this.failures = 0;
    this.served = true;
    this.process?.answered();
    this.seenAt = began;
    this.owesSince = this.ports.clock.monotonic();
    if (load && load.running + load.waiting > 0) this.busyAt = this.owesSince;
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
    if (this.process && (this.state === 'starting' || this.retired !== undefined))
      return Math.min(startingIntervalMs, this.config.probeIntervalMs);
    const interval = this.near ? this.config.probeIntervalMs : this.config.remoteProbeIntervalMs;
    const over = this.failures - this.config.failureThreshold;
    if (over <= 0 || this.process) return interval;
    const longest = Math.max(interval, this.near ? maxPauseMs.near : maxPauseMs.far);
    return Math.min(longest, interval * 2 ** Math.min(over, 10));
  }

  private enter(state: EngineState, reason: string): void {
    if (state !== this.state) {
      this.since = this.ports.clock.now();
      log.info('an engine changed its state', { engine: this.id, from: this.state, to: state, reason });
    }
    if (state !== 'ready') this.load = undefined;
    this.state = state;
    this.reason = reason;
    this.ports.changed('state');
    for (const look of [...this.waiting]) look();
  }
}

function portOf(url: string): number {
  const { port, protocol } = new URL(url);
  return Number(port) || (protocol === 'https:' ? 443 : 80);
}
