import { abortable, FlotillaError, toFlotillaError, type Clock } from '@flotilla/kernel';
import { deferred, type Deferred } from '../activation/deferred.ts';
import { deadlineSignal } from '../deadline-signal.ts';
import type { EngineView } from '../engine-view.ts';
import { activationSeconds } from '../fleet.metrics.ts';
import type { PodEngine } from './pod-engine.ts';

/** Requests that may wait for one Model. Those of one router share a call: this many routers and operators at once. */
const maxWaiting = 1_000;
/** A replica that was promised to a request stays in use for so long: until what decides has heard of the request. Milliseconds. */
const keepMs = 5_000;

export interface ActivationParts {
  readonly clock: Clock;
  /** `<namespace>/<model>`. */
  readonly scope: string;
  startMs(): number;
  engines(): Iterable<PodEngine>;
  /** A ready one that serves it. */
  find(name: string): PodEngine | undefined;
  view(engine: PodEngine): EngineView;
  recall(engine: PodEngine): void;
  wake(engine: PodEngine): void;
  onDemand(): void;
}

interface Waiter {
  readonly name: string;
  readonly done: Deferred<PodEngine>;
}

/** Requests that wait until a replica serves what they ask for. */
export class Activations {
  private readonly waiting = new Set<Waiter>();
  /** Monotonic time since when somebody waits. */
  private since = 0;
  private refusal: string | undefined;

  constructor(private readonly parts: ActivationParts) {}

  /** What is waited for. */
  get names(): ReadonlySet<string> {
    return new Set([...this.waiting].map(({ name }) => name));
  }

  async activate(name: string, signal: AbortSignal): Promise<EngineView> {
    const { clock, startMs, find, view } = this.parts;
    const ready = find(name);
    if (ready) return view(this.keep(ready));
    if (this.waiting.size >= maxWaiting)
      throw new FlotillaError('overloaded', `Too many wait for ${this.parts.scope} to start.`, {
        details: { retryAfterMs: 5_000 },
      });
    if (this.waiting.size === 0) this.since = clock.monotonic();
    const waiter: Waiter = { name, done: deferred() };
    this.waiting.add(waiter);
    const deadline = deadlineSignal(clock, startMs(), signal);
    try {
      this.parts.onDemand();
      this.step();
      return view(await abortable(waiter.done.promise, deadline.signal));
    } catch (error) {
      if (!deadline.signal.aborted || signal.aborted) throw error;
      this.record('err_model_start_timeout');
      throw new FlotillaError('err_model_start_timeout', this.lateText(), { details: { retryAfterMs: 10_000 } });
    } finally {
      deadline.clear();
      this.waiting.delete(waiter);
    }
  }

  refuse(reason: string | undefined): void {
    this.refusal = reason;
    this.step();
  }

  /** What is asked for by this name will not come, though the model serves. */
  fail(name: string, reason: string): void {
    const text = `${name} of ${this.parts.scope} cannot be loaded: ${reason}.`;
    for (const waiter of this.waiting) {
      if (waiter.name !== name) continue;
      this.settle(waiter, 'engine_unavailable');
      waiter.done.reject(new FlotillaError('engine_unavailable', text, { details: { retryAfterMs: 30_000 } }));
    }
  }

  /** Gives those who wait what is ready; sees to it that the nearest replica becomes so. */
  step(): void {
    if (this.waiting.size === 0) return;
    for (const waiter of this.waiting) {
      const engine = this.parts.find(waiter.name);
      if (!engine) continue;
      this.settle(waiter, 'started');
      waiter.done.resolve(this.keep(engine));
    }
    if (this.waiting.size === 0) return;
    const coming = this.promote();
    if (this.refusal !== undefined && !coming) this.refuseAll(this.refusal);
  }

  close(): void {
    this.rejectAll(
      new FlotillaError('unavailable', `${this.parts.scope} is no longer looked after by this controller.`),
    );
  }

  /** Whether a replica that is there will serve soon, or does. */
  private promote(): boolean {
    const engines = [...this.parts.engines()];
    if (engines.some(({ state, working }) => state === 'ready' || working !== undefined)) return true;
    const lightest = engines
      .filter(({ sound, retired }) => sound && retired && !retired.given)
      .sort((a, b) => a.requests - b.requests)[0];
    if (lightest) {
      this.parts.recall(this.keep(lightest));
      return true;
    }
    const asleep = engines
      .filter(({ state, retired }) => state === 'asleep' && !retired?.given)
      .sort((a, b) => a.sleepLevel - b.sleepLevel)[0];
    if (!asleep) return false;
    this.parts.recall(this.keep(asleep));
    this.parts.wake(asleep);
    return true;
  }

  private keep(engine: PodEngine): PodEngine {
    engine.keepUntil = this.parts.clock.monotonic() + keepMs;
    return engine;
  }

  private refuseAll(reason: string): void {
    const text = `${this.parts.scope} cannot start: ${reason} Somebody has to mend it; until then no request for it is answered.`;
    this.rejectAll(new FlotillaError('engine_unavailable', text, { details: { retryAfterMs: 30_000 } }));
  }

  private rejectAll(error: unknown): void {
    for (const waiter of this.waiting) {
      this.settle(waiter, toFlotillaError(error).code);
      waiter.done.reject(error);
    }
  }

  private settle(waiter: Waiter, outcome: string): void {
    this.waiting.delete(waiter);
    if (this.waiting.size === 0) this.record(outcome);
  }

  private record(outcome: string): void {
    const seconds = (this.parts.clock.monotonic() - this.since) / 1_000;
    activationSeconds.record(seconds, { service: this.parts.scope, outcome });
  }

  private lateText(): string {
    const reasons = [...this.parts.engines()].map(({ facts, reason }) => reason && `${facts.name}: ${reason}`);
    const why = reasons.find((reason) => reason !== '') ?? 'there is no pod of it yet';
    return `${this.parts.scope} did not start within ${Math.round(this.parts.startMs() / 1_000)} s (${why}).`;
  }
}
