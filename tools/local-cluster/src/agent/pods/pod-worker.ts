import path from 'node:path';
import { sleep } from '@flotilla/kernel';
import { KubeError, pods, type CoreEvent, type Pod } from '@flotilla/kubernetes';
import { launchOf } from '../containers/container-launch.ts';
import { ContainerRunner } from '../containers/container-runner.ts';
import type { PodPlace } from '../containers/downward.ts';
import { LogFile } from '../containers/log-file.ts';
import { specOf, type ContainerSpec, type RestartPolicy } from '../pod-spec.ts';
import { probedOften } from '../probes/often.ts';
import { PodFiles } from './pod-files.ts';
import { podStatus } from './pod-status.ts';
import { hostIP, type PodWorld } from './pod-world.ts';
import { StatusWriter } from './status-writer.ts';

const defaultGraceSeconds = 30;
/** Sidecars end after the others, with at least this, milliseconds. */
const sidecarGraceMs = 2_000;
/** Milliseconds until a status that another wrote over is written again. */
const restateMs = 2_000;
/** Milliseconds between two tries to delete what has ended. */
const deleteRetryMs = 1_000;

/** Runs one pod from when it is bound to a node until it is gone. */
export class PodWorker {
  readonly uid: string;
  readonly place: PodPlace;
  readonly #world: PodWorld;
  readonly #files: PodFiles;
  readonly #writer: StatusWriter;
  readonly #logs: LogFile[] = [];
  readonly #init: ContainerRunner[];
  readonly #containers: ContainerRunner[];
  readonly #sidecars: ContainerRunner[];
  readonly #running: Promise<void>[] = [];
  readonly #startTime: string;
  /** Aborts when the pod begins to end. */
  readonly #stopping = new AbortController();
  /** Aborts when nothing of it matters any more. */
  readonly #gone = new AbortController();
  #pod: Pod;
  #initialized = false;
  #restating = false;
  #life: Promise<void> = Promise.resolve();

  constructor(pod: Pod, podIP: string, world: PodWorld) {
    const { namespace, name, uid } = pod.metadata;
    this.uid = uid!;
    this.place = { podIP, hostIP };
    this.#pod = pod;
    this.#world = world;
    this.#files = new PodFiles(pod, this.place, world);
    this.#writer = new StatusWriter(world.api, world.clock, { namespace, name }, this.uid);
    this.#startTime = pod.status?.startTime ?? this.#now();
    const { restartPolicy = 'Always', initContainers = [], containers } = specOf(pod);
    const initPolicy = restartPolicy === 'Never' ? 'Never' : 'OnFailure';
    const waiting = initContainers.length > 0 ? 'PodInitializing' : 'ContainerCreating';
    this.#init = initContainers.map((each) => this.#runner(each, each.restartPolicy ?? initPolicy, 'PodInitializing'));
    this.#sidecars = this.#init.filter(isSidecar);
    this.#containers = containers.map((each) => this.#runner(each, restartPolicy, waiting));
  }

  start(): void {
    this.#changed();
    this.#life = this.#live();
  }

  /** Resolves when nothing of it runs any more and its files are gone. */
  async ended(): Promise<void> {
    await this.#life;
    await Promise.all(this.#running);
    for (const log of this.#logs.splice(0)) log.close();
    await this.#files.remove();
  }

  /** The object changed: what the pod tells its containers of itself is written anew; a deletion begins its end. */
  update(pod: Pod): void {
    const { signal } = this.#stopping;
    const before = this.#pod;
    this.#pod = pod;
    const { deletionTimestamp, deletionGracePeriodSeconds: grace } = pod.metadata;
    if (deletionTimestamp !== undefined && !signal.aborted) void this.#end((grace ?? defaultGraceSeconds) * 1_000);
    else if (toldOf(before) !== toldOf(pod)) this.#files.refill(pod, signal);
    if (isSaidUnready(pod)) void this.#restate();
  }

  /** The node controller says of all pods of a node that was not heard of that they are not ready; who runs them says how it is. */
  async #restate(): Promise<void> {
    if (this.#restating) return;
    this.#restating = true;
    await sleep(this.#world.clock, restateMs, this.#gone.signal).catch(() => undefined);
    this.#restating = false;
    if (this.#gone.signal.aborted || !isSaidUnready(this.#pod)) return;
    this.#writer.forget();
    this.#changed();
  }

  /** Ends at once: the object is gone, or the agent stops. */
  kill(): void {
    this.#stopping.abort();
    this.#gone.abort();
    for (const runner of [...this.#containers, ...this.#init]) runner.kill();
  }

  async #live(): Promise<void> {
    const failed = (message: string) => this.#tell('Warning', 'FailedMount', message);
    await this.#files.prepare(() => this.#pod, failed, this.#stopping.signal);
    if (await this.#initialize()) {
      this.#initialized = true;
      this.#changed();
      await Promise.all(this.#containers.map((runner) => runner.run()));
    }
    // The pod is over by itself, as those of Jobs are.
    if (!this.#stopping.signal.aborted) await this.#endSidecars(this.#graceMs());
    this.#changed();
  }

  /** Runs the init containers one after the other. False: one failed for good, or the pod ends. */
  async #initialize(): Promise<boolean> {
    const { signal } = this.#stopping;
    for (const runner of this.#init) {
      if (signal.aborted) return false;
      const running = runner.run();
      if (isSidecar(runner)) {
        this.#running.push(running);
        await runner.started;
        continue;
      }
      await running;
      const { state } = runner.view;
      if (state.kind !== 'terminated' || state.code !== 0) return false;
    }
    return !signal.aborted;
  }

  async #end(graceMs: number): Promise<void> {
    const { clock } = this.#world;
    const deadline = clock.monotonic() + graceMs;
    this.#stopping.abort();
    this.#changed();
    for (const { view } of this.#containers) {
      if (view.state.kind === 'running') {
        this.#tell('Normal', 'Killing', `Stopping container ${view.spec.name}`);
      }
    }
    const first = [...this.#containers, ...this.#init.filter((runner) => !isSidecar(runner))];
    await Promise.all(first.map((runner) => runner.end(graceMs)));
    await this.#life;
    await this.#endSidecars(deadline - clock.monotonic());
    this.#changed();
    await this.#writer.flush();
    await this.#delete();
  }

  async #endSidecars(graceMs: number): Promise<void> {
    for (const runner of this.#sidecars.toReversed()) await runner.end(Math.max(sidecarGraceMs, graceMs));
  }

  /** Tells the API that nothing of the pod runs any more. */
  async #delete(): Promise<void> {
    const { api, clock } = this.#world;
    const { namespace, name } = this.#pod.metadata;
    const { signal } = this.#gone;
    while (!signal.aborted) {
      try {
        return await api.delete(pods, { namespace, name }, { uid: this.uid, gracePeriodSeconds: 0, signal });
      } catch (error) {
        if (!(error instanceof KubeError) || error.kind !== 'unavailable') return;
        await sleep(clock, deleteRetryMs, signal).catch(() => undefined);
      }
    }
  }

  #runner(wanted: ContainerSpec, policy: RestartPolicy, waiting: string): ContainerRunner {
    const { clock, backOff, probeEveryMs, images, sources, environment, folders } = this.#world;
    const spec = probeEveryMs === undefined ? wanted : probedOften(wanted, probeEveryMs);
    const { namespace, name } = this.#pod.metadata;
    const log = new LogFile(path.join(folders.logs, namespace!, name, `${spec.name}.log`));
    this.#logs.push(log);
    const before = [...(this.#pod.status?.containerStatuses ?? []), ...(this.#pod.status?.initContainerStatuses ?? [])];
    return new ContainerRunner(
      {
        ...{ spec, policy, clock, backOff, log, podIP: this.place.podIP, graceMs: this.#graceMs() },
        launch: () => {
          const { volumes, folder, identityFolder: identity } = this.#files;
          const env = environment(this.#pod);
          return launchOf(this.#pod, spec, { images, sources, volumes, place: this.place, folder, identity, env });
        },
        sourcesChanged: (signal) => sources.changed(namespace!, signal),
        changed: () => this.#changed(),
        tell: (...event) => this.#tell(...event),
        restarts: before.find((status) => status.name === spec.name)?.restartCount,
      },
      waiting,
    );
  }

  #changed(): void {
    const view = {
      ...{ place: this.place, startTime: this.#startTime, initialized: this.#initialized },
      init: this.#init.map((runner) => runner.view),
      containers: this.#containers.map((runner) => runner.view),
      ending: this.#stopping.signal.aborted,
    };
    this.#writer.write(podStatus(this.#pod, view, this.#now()), this.#gone.signal);
  }

  #tell(type: CoreEvent['type'], reason: string, message: string): void {
    this.#world.events.record(this.#pod, type, reason, message);
  }

  #graceMs(): number {
    return (specOf(this.#pod).terminationGracePeriodSeconds ?? defaultGraceSeconds) * 1_000;
  }

  #now(): string {
    return `${new Date(this.#world.clock.now()).toISOString().slice(0, 19)}Z`;
  }
}

/** What of an object changes while its pod runs and can be read in the pod. */
function toldOf({ metadata: { labels, annotations } }: Pod): string {
  return JSON.stringify([labels, annotations]);
}

function isSidecar({ view }: ContainerRunner): boolean {
  return view.spec.restartPolicy === 'Always';
}

/** Not what this agent writes: there, both say the same. */
function isSaidUnready({ status }: Pod): boolean {
  const holds = (type: string) => status?.conditions?.some((one) => one.type === type && one.status === 'True');
  return holds('ContainersReady') === true && holds('Ready') !== true;
}
