import type { Clock } from '@flotilla/kernel';
import { logger } from '@flotilla/telemetry';
import { deadlineSignal } from '../deadline-signal.ts';
import type { EngineLoad, ServedModel } from '../engine-view.ts';
import { namedModel } from '../model-lists.ts';
import type { Replica } from '../models/world.ts';
import { ProbeFailure } from '../probe.ts';
import type { PodFacts } from './pod-facts.ts';
import { endOf, stateOfPod, type StateAndReason } from './pod-state.ts';
import type { Looking, Pace, ProbeSchedule } from './probe-schedule.ts';
import { probeSeconds } from './replicas.metrics.ts';
import type { Look, VllmControl } from './vllm-control.ts';

const log = logger('fleet');

/** Milliseconds a probe may take: an engine under load keeps its API waiting for longer than its health is worth. */
const probeTimeoutMs = 2_000;
/** Failed probes in a row until an engine that answered is lost: one may be a lost packet. */
const failuresUntilLost = 2;
/** Of so many probes of an engine that is well one asks for all; the others for its metrics alone, a third of the cost. */
const looksPerWhole = 10;

export interface PodEngineParts {
  readonly clock: Clock;
  readonly control: VllmControl;
  readonly schedule: ProbeSchedule;
  /** The one name it is to serve. Undefined: it may have adapters beside. */
  onlyName(): string | undefined;
  /** Whether one that is ready for the cluster is known by that alone. */
  isVouchedFor(facts: PodFacts): boolean;
  /** It was looked at, or is not what it was. */
  changed(what: 'state' | 'load' | 'nothing'): void;
}

/** Out of use, though it runs: to go, or to sleep. */
export interface Retirement {
  readonly for: 'drain' | 'sleep';
  /** Monotonic time. */
  readonly at: number;
  /** It was given out as drained: it may be on its way out. */
  given: boolean;
}

/** The engine in one pod: what the cluster says of the pod, and what the engine says of itself. */
export class PodEngine {
  facts: PodFacts;
  retired: Retirement | undefined;
  /** Monotonic time until when it is not put out of use: a request was promised it. */
  keepUntil = -Infinity;
  /** An order to sleep or to wake is under way. */
  working: 'sleep' | 'wake' | undefined;
  /** It cannot be used and will not be better by itself. */
  broken: string | undefined;
  models: readonly ServedModel[] = [];
  load: EngineLoad | undefined;
  sleepLevel: 0 | 1 | 2 = 0;
  /** Monotonic time at which the last probe that it answered began. */
  seenAt = -Infinity;
  /** When it came into its state, milliseconds since 1970. */
  since: number;
  private readyAt: number | undefined;
  private promptTokens: number | undefined;
  private generatedTokens: number | undefined;
  /** Its engine has answered since it started. */
  private answered = false;
  /** It has been asked at least once. */
  private asked = false;
  private failures = 0;
  private failure = 'it has not been asked yet';
  /** Since all was asked for. Undefined: it has to be. */
  private looks: number | undefined;
  /** Grows with every start of the engine and every order: an answer to an older probe is void. */
  private life = 0;
  private shown: StateAndReason;
  private readonly looking: Looking;
  private readonly closing = new AbortController();

  constructor(
    facts: PodFacts,
    private readonly parts: PodEngineParts,
  ) {
    this.facts = facts;
    this.readyAt = facts.readyAt;
    this.since = parts.clock.now();
    this.believe();
    this.shown = this.now();
    this.looking = parts.schedule.add(() => this.look(), this.pace());
  }

  get id(): string {
    return `${this.facts.namespace}/${this.facts.name}`;
  }

  /** http://host:port */
  get address(): string {
    const { ip, port } = this.facts;
    return `http://${ip.includes(':') ? `[${ip}]` : ip}:${port}`;
  }

  get state() {
    return this.shown.state;
  }

  get reason(): string {
    return this.shown.reason;
  }

  /** It can answer requests as soon as it is used again. */
  get sound(): boolean {
    return this.answered && this.failures < failuresUntilLost && this.sleepLevel === 0 && this.usable;
  }

  /** Requests that run on it or wait, as far as it has told. */
  get requests(): number {
    return this.load ? this.load.running + this.load.waiting : 0;
  }

  /** False: the cluster takes it for ready, that alone does not tell enough, and it has not been asked yet. */
  get known(): boolean {
    return (
      this.asked ||
      this.answered ||
      !this.facts.ready ||
      stateOfPod(this.facts, this.readyAt !== undefined) !== undefined
    );
  }

  get adapters(): readonly string[] {
    return this.models.flatMap(({ name, adapterPath }) => (adapterPath === undefined ? [] : [name]));
  }

  /** Nothing was changed since it told what it serves. */
  get listed(): boolean {
    return this.looks !== undefined;
  }

  serves(name: string): boolean {
    return this.models.some((model) => model.name === name);
  }

  update(facts: PodFacts): void {
    const restarted = facts.restarts !== this.facts.restarts || facts.ip !== this.facts.ip;
    const becameReady = facts.ready && !this.facts.ready;
    this.facts = facts;
    this.readyAt ??= facts.readyAt;
    if (restarted) this.begin();
    this.settle();
    if (becameReady && this.pace() !== 'off') this.looking.soon();
  }

  /** Out of use from now on. */
  retire(why: Retirement['for']): void {
    // Routers know already: what has been waited counts.
    const at = this.retired?.at ?? this.parts.clock.monotonic();
    this.retired = { for: why, at, given: false };
    this.settle();
  }

  recall(): void {
    if (!this.retired) return;
    this.retired = undefined;
    this.settle();
  }

  /** Whether nothing runs on it, by what it said after every router had heard that it is out of use. */
  quiet(graceMs: number): boolean {
    if (!this.retired || this.sleepLevel > 0 || !this.answered || !this.usable) return true;
    // What does not answer now is taken by its last word.
    if (this.failures >= failuresUntilLost) return this.load !== undefined && this.requests === 0;
    return this.seenAt >= this.retired.at + graceMs && this.load !== undefined && this.requests === 0;
  }

  /** An order begins: no probe meanwhile. */
  startWork(work: 'sleep' | 'wake'): void {
    this.life += 1;
    this.working = work;
    this.settle();
  }

  endWork(sleepLevel: 0 | 1 | 2): void {
    this.life += 1;
    this.working = undefined;
    this.sleepLevel = sleepLevel;
    this.seenAt = -Infinity;
    this.load = this.load && { ...this.load, running: 0, waiting: 0 };
    this.settle();
    this.lookSoon();
  }

  /** What it serves is another list now: a probe under way is void. */
  relist(): void {
    this.life += 1;
    this.looks = undefined;
    this.lookSoon();
  }

  break(reason: string): void {
    this.life += 1;
    this.working = undefined;
    this.broken = reason;
    this.settle();
  }

  close(): void {
    this.closing.abort();
    this.looking.remove();
  }

  replica(): Replica {
    const { state, facts, load, readyAt, promptTokens, generatedTokens, sleepLevel } = this;
    return {
      ...{ pod: facts.name, node: facts.node, revision: facts.revision, profile: facts.profile },
      ...{ state, reason: this.reason, restarts: facts.restarts, createdAt: facts.createdAt },
      ...(readyAt !== undefined && { readyAt }),
      ...(load && state !== 'lost' && { load }),
      ...(promptTokens !== undefined && { promptTokens }),
      ...(generatedTokens !== undefined && { generatedTokens }),
      ...(sleepLevel > 0 && { sleepLevel }),
      adapters: this.adapters,
    };
  }

  private get usable(): boolean {
    return (
      this.broken === undefined &&
      this.working === undefined &&
      stateOfPod(this.facts, this.readyAt !== undefined) === undefined
    );
  }

  private now(): StateAndReason {
    const told = stateOfPod(this.facts, this.readyAt !== undefined);
    if (told) return told;
    if (this.broken !== undefined) return { state: 'failing', reason: this.broken };
    if (this.working === 'wake') return { state: 'starting', reason: 'it wakes up' };
    if (this.sleepLevel > 0) return { state: 'asleep', reason: `it sleeps at level ${this.sleepLevel}` };
    if (!this.answered)
      return { state: 'starting', reason: `${this.failure}${endOf(this.facts, this.readyAt !== undefined)}` };
    if (this.failures >= failuresUntilLost) return { state: 'lost', reason: this.failure };
    if (this.working === 'sleep') return { state: 'draining', reason: 'it falls asleep' };
    if (this.retired)
      return { state: 'draining', reason: this.retired.for === 'drain' ? 'it drains' : 'it is to sleep' };
    return { state: 'ready', reason: '' };
  }

  private pace(): Pace {
    if (stateOfPod(this.facts, this.readyAt !== undefined) || this.broken !== undefined || this.working) return 'off';
    if (!this.answered) return 'starting';
    if (this.sleepLevel > 0) return 'calm';
    return this.retired || this.failures > 0 || this.requests > 0 ? 'busy' : 'calm';
  }

  /**
   * A controller that begins to lead thousands cannot ask them all at once, and routers are to know them: what is ready for the
   * cluster and cannot be anything but what its Model says serves, until it is asked.
   */
  private believe(): void {
    const name = this.parts.onlyName();
    if (!this.facts.ready || name === undefined || !this.parts.isVouchedFor(this.facts)) return;
    this.answered = true;
    this.models = [namedModel(name)];
  }

  private lookSoon(): void {
    if (this.pace() !== 'off') this.looking.soon();
  }

  /** The engine starts anew and has forgotten everything. */
  private begin(): void {
    this.life += 1;
    this.answered = false;
    this.failures = 0;
    this.failure = 'its engine starts';
    this.broken = undefined;
    this.working = undefined;
    this.models = [];
    this.looks = undefined;
    this.load = undefined;
    this.promptTokens = undefined;
    this.generatedTokens = undefined;
    this.sleepLevel = 0;
  }

  private async look(): Promise<void> {
    if (this.pace() === 'off' || this.closing.signal.aborted) return;
    const { clock } = this.parts;
    const { life } = this;
    const began = clock.monotonic();
    const deadline = deadlineSignal(clock, probeTimeoutMs, this.closing.signal);
    let outcome = 'answered';
    try {
      const answer = await this.ask(deadline.signal);
      if (life === this.life) this.onAnswer(answer, began);
    } catch (error) {
      outcome = 'failed';
      if (!(error instanceof ProbeFailure)) log.error('a probe broke', { engine: this.id, error });
      if (life === this.life) this.onFailure(error instanceof ProbeFailure ? error.message : 'its probe broke');
    } finally {
      deadline.clear();
    }
    probeSeconds.record((clock.monotonic() - began) / 1_000, { outcome });
  }

  private async ask(signal: AbortSignal): Promise<Look> {
    const { control, onlyName } = this.parts;
    const name = !this.asked && this.facts.ready ? onlyName() : undefined;
    // The cluster vouches for its health: a third of the cost.
    const first = name === undefined ? undefined : await control.look(this.address, false, signal);
    if (name !== undefined && first?.load && first.model === name) return { ...first, models: [namedModel(name)] };
    const whole = this.looks === undefined || this.looks >= looksPerWhole || this.failures > 0 || !this.load;
    return control.look(this.address, whole, signal);
  }

  private onAnswer({ models, load, sleepLevel, promptTokens, generatedTokens }: Look, began: number): void {
    this.asked = true;
    this.answered = true;
    this.failures = 0;
    this.seenAt = began;
    // That one of which nothing was known is idle is nothing to tell thousands of times as a controller begins.
    const idle = this.load === undefined && load !== undefined && load.running + load.waiting === 0;
    const loaded = !idle && JSON.stringify(load) !== JSON.stringify(this.load);
    const listed = models !== undefined && JSON.stringify(models) !== JSON.stringify(this.models);
    this.looks = models ? 1 : this.looks && this.looks + 1;
    if (listed) this.models = models;
    this.load = load;
    this.promptTokens = promptTokens;
    this.generatedTokens = generatedTokens;
    this.sleepLevel = sleepLevel ?? this.sleepLevel;
    if (this.sleepLevel === 0) this.readyAt ??= this.parts.clock.now();
    this.settle(listed ? 'state' : loaded ? 'load' : 'nothing');
  }

  private onFailure(reason: string): void {
    if (this.closing.signal.aborted) return;
    const first = !this.asked;
    this.asked = true;
    this.failures += 1;
    this.failure = reason;
    this.settle(first ? 'state' : 'nothing');
  }

  /** Takes on the state that what is known of it makes, and tells of it. */
  private settle(what: 'state' | 'load' | 'nothing' = 'nothing'): void {
    const { state, reason } = this.shown;
    this.shown = this.now();
    if (this.shown.state !== state) {
      this.since = this.parts.clock.now();
      log.info('a replica changed its state', {
        engine: this.id,
        ...{ from: state, to: this.shown.state, reason: this.shown.reason },
      });
    }
    this.looking.pace(this.pace());
    const moved = this.shown.state !== state || (this.shown.reason !== reason && this.shown.state !== 'starting');
    this.parts.changed(moved ? 'state' : what);
  }
}
