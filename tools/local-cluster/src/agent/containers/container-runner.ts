import { sleep, type Clock } from '@flotilla/kernel';
import type { ContainerSpec, RestartPolicy } from '../pod-spec.ts';
import { runHandler, type CheckTarget } from '../probes/checks.ts';
import { startProbes } from '../probes/container-probes.ts';
import { BackOff, type BackOffSettings } from './back-off.ts';
import { LaunchProblem, type Launch } from './container-launch.ts';
import { restartsAfter, type ContainerState, type ContainerView, type Termination } from './container-state.ts';
import { execute } from './exec.ts';
import type { LogFile } from './log-file.ts';
import { startProcess, type Exit, type RunningProcess } from './process.ts';

export interface RunnerSetting {
  spec: ContainerSpec;
  policy: RestartPolicy;
  podIP: string;
  clock: Clock;
  backOff: BackOffSettings;
  /** Milliseconds a container may take to end when its probes want it to. */
  graceMs: number;
  log: LogFile;
  /** Throws LaunchProblem. */
  launch(): Launch;
  /** Resolves when a ConfigMap or Secret of the namespace changed, or the signal aborts. */
  sourcesChanged(signal: AbortSignal): Promise<void>;
  changed(): void;
  tell(type: 'Normal' | 'Warning', reason: string, message: string): void;
  /** Restarts before this agent came to the pod. */
  restarts?: number;
}

/** Milliseconds from ErrImagePull to ImagePullBackOff. */
const imageBackOffMs = 1_000;

/** Runs a container: starts it, again when it ended and shall, with its probes; ends it on demand. */
export class ContainerRunner {
  readonly view: ContainerView;
  /** Resolves when it started for the first time, or never will. */
  readonly started: Promise<void>;
  readonly #setting: RunnerSetting;
  readonly #ending = new AbortController();
  readonly #killed = new AbortController();
  #markStarted: () => void = () => undefined;
  #live: { process: RunningProcess; launch: Launch; stopProbes: () => void } | undefined;

  constructor(setting: RunnerSetting, waiting: string) {
    this.#setting = setting;
    this.started = new Promise((resolve) => (this.#markStarted = resolve));
    this.view = {
      spec: setting.spec,
      state: { kind: 'waiting', reason: waiting },
      restarts: setting.restarts ?? 0,
      started: false,
      ready: false,
    };
  }

  /** Resolves when it has ended for good: its policy starts it no more, or it was told to end. */
  async run(): Promise<void> {
    const { clock, policy, spec, tell } = this.#setting;
    const backOff = new BackOff(this.#setting.backOff, clock);
    try {
      for (;;) {
        const launch = await this.#launch();
        if (!launch || this.#ending.signal.aborted) return;
        backOff.started();
        const termination = await this.#runOnce(launch);
        if (this.#ending.signal.aborted || !restartsAfter(policy, termination.code)) return;
        const delayMs = backOff.next();
        if (delayMs > 0) {
          const message = `back-off ${Math.ceil(delayMs / 1_000)}s restarting failed container=${spec.name}`;
          this.#enter({ kind: 'waiting', reason: 'CrashLoopBackOff', message });
          tell('Warning', 'BackOff', `Back-off restarting failed container ${spec.name}`);
          if (!(await this.#pause(delayMs))) return;
        }
        this.view.restarts += 1;
      }
    } finally {
      this.#markStarted();
    }
  }

  /** Ends it: preStop, SIGTERM, and at the end of the grace SIGKILL. It is not started again. Resolves when it has ended. */
  async end(graceMs: number): Promise<void> {
    this.#ending.abort();
    this.view.ready = false;
    await this.#endLive(graceMs);
  }

  kill(): void {
    this.#ending.abort();
    this.#killed.abort();
    this.#live?.process.kill();
  }

  /** What it is started with; undefined when it is told to end before that is possible. */
  async #launch(): Promise<Launch | undefined> {
    const { signal } = this.#ending;
    const { tell, spec, sourcesChanged } = this.#setting;
    while (!signal.aborted) {
      try {
        const launch = this.#setting.launch();
        tell('Normal', 'Pulled', `Container image "${spec.image}" already present on machine`);
        return launch;
      } catch (error) {
        if (!(error instanceof LaunchProblem)) throw error;
        const { reason, message } = error;
        this.#enter({ kind: 'waiting', reason, message });
        tell('Warning', 'Failed', `Error: ${reason}: ${message}`);
        if (reason === 'ErrImagePull') await this.#backOffFromImage(message);
        // What is missing in the API may come.
        else await sourcesChanged(signal);
      }
    }
    return undefined;
  }

  /** Images are a table, and waiting brings none: this lasts until the container is told to end. */
  async #backOffFromImage(message: string): Promise<void> {
    const { tell, spec } = this.#setting;
    if (!(await this.#pause(imageBackOffMs))) return;
    const backingOff = `Back-off pulling image "${spec.image}"`;
    this.#enter({ kind: 'waiting', reason: 'ImagePullBackOff', message: `${backingOff}: ${message}` });
    tell('Normal', 'BackOff', backingOff);
    await new Promise((resolve) => this.#ending.signal.addEventListener('abort', resolve, { once: true }));
  }

  async #runOnce(launch: Launch): Promise<Termination> {
    const { log, spec, tell } = this.#setting;
    log.forgetLastLines();
    const process = startProcess(launch.plan, (chunk) => log.write(chunk));
    const startedAt = this.#time();
    this.#live = { process, launch, stopProbes: () => undefined };
    this.#enter({ kind: 'running', startedAt });
    if (process.pid !== undefined) tell('Normal', 'Started', `Started container ${spec.name}`);
    this.#live.stopProbes = this.#probe(launch);
    const exit = await process.ended;
    this.#live.stopProbes();
    this.#live = undefined;
    const termination = this.#terminationOf(exit, startedAt);
    this.view.last = termination;
    this.#enter({ kind: 'terminated', ...termination });
    return termination;
  }

  #probe(launch: Launch): () => void {
    const { spec, clock, tell, changed, graceMs } = this.#setting;
    return startProbes(spec, clock, this.#target(launch), {
      started: () => {
        this.view.started = true;
        this.#markStarted();
        changed();
      },
      ready: (ready) => {
        if (this.#ending.signal.aborted) return;
        this.view.ready = ready;
        changed();
      },
      unhealthy: (message, graceSeconds) => {
        tell('Normal', 'Killing', message);
        void this.#endLive(graceSeconds === undefined ? graceMs : graceSeconds * 1_000);
      },
      failed: (message) => tell('Warning', 'Unhealthy', message),
    });
  }

  async #endLive(graceMs: number): Promise<void> {
    if (!this.#live) return;
    const { process, launch, stopProbes } = this.#live;
    const { clock, spec, tell } = this.#setting;
    stopProbes();
    const force = clock.after(graceMs, () => process.kill());
    const preStop = spec.lifecycle?.preStop;
    if (preStop) {
      const hook = preStop.sleep
        ? sleep(clock, preStop.sleep.seconds * 1_000)
        : runHandler(preStop, this.#target(launch), Math.max(1, graceMs));
      await Promise.race([hook, process.ended]).catch((error: unknown) => {
        tell('Warning', 'FailedPreStopHook', `PreStopHook failed: ${String(error)}`);
      });
    }
    process.signal(launch.stopSignal);
    await process.ended.finally(() => force.cancel());
  }

  #target(launch: Launch): CheckTarget {
    const { podIP, spec } = this.#setting;
    const { signal } = this.#killed;
    const exec = (command: readonly string[], timeoutMs: number) => execute(launch.planFor(command), timeoutMs, signal);
    return { podIP, ports: spec.ports, exec };
  }

  #terminationOf({ code, signal, failure }: Exit, startedAt: string): Termination {
    const { spec, log } = this.#setting;
    const fallback = code !== 0 && spec.terminationMessagePolicy === 'FallbackToLogsOnError' ? log.lastLines : '';
    const message = failure ?? fallback;
    return {
      ...{ code, startedAt, finishedAt: this.#time() },
      reason: failure === undefined ? (code === 0 ? 'Completed' : 'Error') : 'StartError',
      ...(signal === undefined ? {} : { signal }),
      ...(message === '' ? {} : { message }),
    };
  }

  #enter(state: ContainerState): void {
    this.view.state = state;
    if (state.kind !== 'running' || !this.#live) Object.assign(this.view, { started: false, ready: false });
    this.#setting.changed();
  }

  /** False: it was told to end meanwhile. */
  #pause(ms: number): Promise<boolean> {
    return sleep(this.#setting.clock, ms, this.#ending.signal).then(
      () => true,
      () => false,
    );
  }

  #time(): string {
    return `${new Date(this.#setting.clock.now()).toISOString().slice(0, 19)}Z`;
  }
}
