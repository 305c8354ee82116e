import { abortable, FlotillaError, toFlotillaError, type Clock } from '@flotilla/kernel';
import { deadlineSignal } from '../deadline-signal.ts';
import type { EngineView } from '../engine-view.ts';
import { activationSeconds } from '../fleet.metrics.ts';
import type { PodEngine } from './pod-engine.ts';
import { cannotLoad, cannotStart, startedTooLate } from './refusals.ts';

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
  readonly done: PromiseWithResolvers<PodEngine>;
}

/** Requests that wait until a replica serves what they ask for. */
export class Activations {
  private readonly waiting = new Set<Waiter>();
  /** Monotonic time since when somebody waits. */
  private since = 0;
  private refused: string | undefined;

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
    const waiter: Waiter = { name, done: Promise.withResolvers() };
    this.waiting.add(waiter);
    const deadline = deadlineSignal(clock, startMs(), signal);
    try {
      this.parts.onDemand();
      this.step();
      return view(await abortable(waiter.done.promise, deadline.signal));
    } catch (error) {
      if (!deadline.signal.aborted || signal.aborted) throw error;
      this.record('err_model_start_timeout');
      throw startedTooLate(this.parts.scope, startMs(), this.reasons());
    } finally {
      deadline.clear();
      this.waiting.delete(waiter);
    }
  }

  refuse(reason: string | undefined): void {
    this.refused = reason;
    this.step();
  }

  /** Why whoever asks now is refused. Undefined: somebody who waits may get an engine. */
  get refusal(): string | undefined {
    return this.nearest() === undefined ? this.refused : undefined;
  }

  /** What is asked for by this name will not come, though the model serves. */
  fail(name: string, reason: string): void {
    for (const waiter of this.waiting) {
      if (waiter.name !== name) continue;
      this.settle(waiter, 'engine_unavailable');
      waiter.done.reject(cannotLoad(this.parts.scope, name, reason));
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
    const { refusal } = this;
    if (refusal !== undefined) this.rejectAll(cannotStart(this.parts.scope, refusal));
    else this.promote();
  }

  close(): void {
    this.rejectAll(
      new FlotillaError('unavailable', `${this.parts.scope} is no longer looked after by this controller.`),
    );
  }

  /** The replica that serves soonest. Undefined: there has to be another. */
  private nearest(): PodEngine | undefined {
    const engines = [...this.parts.engines()];
    const coming = engines.find(({ state, working }) => state === 'ready' || working !== undefined);
    if (coming) return coming;
    const lightest = engines
      .filter(({ sound, retired }) => sound && retired && !retired.given)
      .sort((a, b) => a.requests - b.requests)[0];
    if (lightest) return lightest;
    return engines
      .filter(({ state, retired }) => state === 'asleep' && !retired?.given)
      .sort((a, b) => a.sleepLevel - b.sleepLevel)[0];
  }

  /** Takes it back into use, where it is not on its way already. */
  private promote(): void {
    const engine = this.nearest();
    if (!engine || engine.state === 'ready' || engine.working !== undefined) return;
    this.parts.recall(this.keep(engine));
    if (!engine.sound) this.parts.wake(engine);
  }

  private keep(engine: PodEngine): PodEngine {
    engine.keepUntil = this.parts.clock.monotonic() + keepMs;
    return engine;
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

  private reasons(): string[] {
    return [...this.parts.engines()].map(({ facts, reason }) => reason && `${facts.name}: ${reason}`);
  }
}
