import type { Clock, Timer } from '@flotilla/kernel';
import { logger } from '@flotilla/telemetry';
import { processCrashes, processStarts } from './fleet.metrics.ts';
import type { LogFile } from './log-file.ts';
import type { ProcessCommand, ProcessExit, ProcessHost, RunningProcess } from './process-host.ts';
import { fingerprint, type ProcessRecord, type ProcessRecords } from './process-records.ts';

const logs = logger('fleet');

/** The longest pause before a restart, milliseconds. */
const maxBackoffMs = 30_000;
/** How long a process may take to be gone after SIGKILL: it may wait for a device. Milliseconds. */
const killedMs = 5_000;

export interface ProcessPolicy {
  stopTimeoutMs: number;
  restartBackoffMs: number;
  crashLimit: number;
  crashWindowMs: number;
}

export interface ProcessEvents {
  started(): void;
  /** It was stopped as asked. */
  stopped(): void;
  /** It ended by itself and starts again after the pause. `output`: the last lines it wrote. */
  crashed(reason: string, output: readonly string[], restartInMs: number): void;
  /** It crashed too often, or cannot be started at all: it stays down until it is asked for. */
  gaveUp(reason: string, output: readonly string[]): void;
}

/** What is written down of a process beside what it takes to find it again. */
export type ProcessFacts = Pick<ProcessRecord, 'port' | 'models'>;

/** One engine's process: started, restarted with growing pauses, and given up by a breaker when it keeps crashing. */
export class ManagedProcess {
  private running: RunningProcess | undefined;
  /** The launch or stop under way: they never overlap. */
  private work: Promise<void> = Promise.resolve();
  private asked = false;
  private stopping = false;
  private crashes: number[] = [];
  private restart: Timer | undefined;
  /** Why we end it ourselves while it is wanted. */
  private fault: string | undefined;

  constructor(
    private readonly id: string,
    private readonly command: ProcessCommand,
    private readonly host: ProcessHost,
    private readonly records: ProcessRecords,
    private readonly policy: ProcessPolicy,
    private readonly clock: Clock,
    private readonly events: ProcessEvents,
    private readonly log?: LogFile,
    private readonly facts: ProcessFacts = {},
  ) {}

  /** It is to run: it does, or will after a pause. */
  get wanted(): boolean {
    return this.asked;
  }

  get alive(): boolean {
    return this.running !== undefined;
  }

  get pid(): number | undefined {
    return this.running?.pid;
  }

  /** An earlier controller left it, ready to be used. */
  get left(): boolean {
    const left = this.records.get(this.id);
    if (!left?.ready || left.fingerprint !== fingerprint(this.command)) return false;
    return this.host.runs(left.pid, left.startedAt);
  }

  /** Takes note that it answers: only such a process is worth taking over from a controller that was killed. */
  answered(): void {
    const record = this.records.get(this.id);
    if (this.running && record && !record.ready) this.records.set(this.id, { ...record, ready: true });
  }

  /**
   * Starts it, or takes over the one an earlier controller left; forgets earlier crashes. False: it is wanted already, and
   * left as it is.
   */
  start(): boolean {
    if (this.asked) return false;
    this.asked = true;
    this.crashes = [];
    this.launch();
    return true;
  }

  /** SIGTERM, after the timeout SIGKILL. Resolves when it is gone. */
  async stop(): Promise<void> {
    this.asked = false;
    this.restart?.cancel();
    this.work = this.work.then(async () => {
      this.stopping = true;
      if (this.running) await this.end(this.running);
      this.stopping = false;
      this.events.stopped();
    });
    await this.work;
  }

  /** Ends a process that runs and does not work; it then counts as crashed, with this reason. */
  replace(reason: string): void {
    if (!this.running || this.fault !== undefined) return;
    this.fault = reason;
    void this.end(this.running);
  }

  private launch(): void {
    this.work = this.work.then(async () => {
      if (!this.asked || this.running) return;
      try {
        await this.run();
      } catch (error) {
        const code = (error as NodeJS.ErrnoException).code ?? 'unknown error';
        this.asked = false;
        logs.error('an engine process cannot be started', { engine: this.id, code });
        this.events.gaveUp(`the program "${this.command.command[0]}" cannot be started (${code})`, []);
      }
    });
  }

  private async run(): Promise<void> {
    const left = this.records.get(this.id);
    const seen = fingerprint(this.command);
    const adopted = left?.fingerprint === seen ? this.host.adopt(left.pid, left.startedAt, this.log) : undefined;
    const record = ({ pid, startedAt }: Pick<RunningProcess, 'pid' | 'startedAt'>) =>
      this.records.set(this.id, { pid, startedAt, fingerprint: seen, ...this.facts });
    const running = adopted ?? (await this.host.spawn(this.command, { log: this.log, recorded: record }));
    this.running = running;
    this.fault = undefined;
    const { pid } = running;
    if (!adopted) record(running);
    void running.ended.then((exit) => this.onEnd(running, exit));
    processStarts.add(1, { engine: this.id });
    logs.info(adopted ? 'an engine process was taken over' : 'an engine process was started', { engine: this.id, pid });
    this.events.started();
  }

  private onEnd(process: RunningProcess, exit: ProcessExit): void {
    this.running = undefined;
    this.records.delete(this.id);
    if (this.stopping || !this.asked) return;
    const reason = this.fault ?? describeEnd(exit);
    const output = process.logTail();
    const now = this.clock.monotonic();
    const { crashLimit, crashWindowMs, restartBackoffMs } = this.policy;
    this.crashes = [...this.crashes.filter((at) => now - at < crashWindowMs), now];
    processCrashes.add(1, { engine: this.id });
    logs.warn('an engine process ended', { engine: this.id, reason });
    if (this.crashes.length >= crashLimit) {
      this.asked = false;
      const within = `${this.crashes.length} times within ${Math.ceil(crashWindowMs / 1_000)} s`;
      const often = `it crashed ${within} and stays down until it is started again; the last time ${reason}`;
      this.events.gaveUp(crashLimit === 1 ? reason : often, output);
      return;
    }
    const pause = Math.min(maxBackoffMs, restartBackoffMs * 2 ** (this.crashes.length - 1));
    this.restart = this.clock.after(pause, () => this.launch());
    this.events.crashed(reason, output, pause);
  }

  private async end(process: RunningProcess): Promise<void> {
    process.signal('SIGTERM');
    if (await this.endsWithin(process, this.policy.stopTimeoutMs)) return;
    logs.warn('an engine process did not end on SIGTERM and is killed', { engine: this.id, pid: process.pid });
    process.signal('SIGKILL');
    await this.endsWithin(process, killedMs);
  }

  private endsWithin(process: RunningProcess, ms: number): Promise<boolean> {
    return new Promise((resolve) => {
      const timer = this.clock.after(ms, () => resolve(false));
      void process.ended.then(() => {
        timer.cancel();
        resolve(true);
      });
    });
  }
}

function describeEnd({ code, signal }: ProcessExit): string {
  if (signal !== null) return `the process was ended by ${signal}`;
  return code === null ? 'the process ended' : `the process exited with ${code}`;
}

/**
 * Ends processes an earlier controller left and that no engine wants any more; of `onDemand`, which nobody waits for after
 * a restart, also those that never answered.
 */
export async function endStrays(
  records: ProcessRecords,
  wanted: ReadonlyMap<string, ProcessCommand>,
  onDemand: ReadonlySet<string>,
  host: ProcessHost,
  clock: Clock,
  stopTimeoutMs: number,
): Promise<void> {
  const strays = records.all().filter(([id, { fingerprint: seen, ready }]) => {
    const command = wanted.get(id);
    return !command || fingerprint(command) !== seen || (onDemand.has(id) && !ready);
  });
  await Promise.all(
    strays.map(async ([id, { pid, startedAt }]) => {
      const stray = host.adopt(pid, startedAt);
      if (stray) {
        logs.warn('an engine process of an earlier controller is ended', { engine: id, pid });
        stray.signal('SIGTERM');
        const timer = clock.after(stopTimeoutMs, () => stray.signal('SIGKILL'));
        await stray.ended;
        timer.cancel();
      }
      records.delete(id);
    }),
  );
}
