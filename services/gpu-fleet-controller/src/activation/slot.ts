import { abortable, FlotillaError, sleep, toFlotillaError, type Clock, type Timer } from '@flotilla/kernel';
import { logger } from '@flotilla/telemetry';
import { deadlineSignal } from '../deadline-signal.ts';
import { activationSeconds, switches } from '../fleet.metrics.ts';
import type { OnDemandEngine } from './unit.ts';

const log = logger('fleet');

/** Requests that may wait for one service. Those of one router share a call: this many routers and operators at once. */
const maxWaiting = 1_000;
/** Routers say this often at least that they use an engine (theirs is 5 s); one that tells nothing of its load is taken as used for so long. */
const usedForMs = 12_000;
/** How long the news that an engine is not to be used any more may take to reach the routers. Milliseconds. */
const newsMs = 250;
/** How often it is looked whether an engine has become quiet. Milliseconds. */
const lookMs = 50;
/** A service that could not be started is not tried again for so long. Milliseconds. */
const coolMs = 3_000;
/** What a start may take over its own limit until it is given up from outside. Milliseconds. */
const overdueMs = 15_000;

/** Everyone who waits for one service. */
interface Turn {
  readonly engine: OnDemandEngine;
  readonly done: PromiseWithResolvers<void>;
  readonly askedAt: number;
  /** Aborts when nobody waits any more. A start that has begun goes on. */
  readonly left: AbortController;
  begun: boolean;
  waiting: number;
}

/**
 * An address at which one of several services runs at a time. Who asks for the same shares one start; who asks for another
 * waits in turn, until the one that runs has had its minimum time and has finished what runs on it. All that starts and stops
 * does so in one line of work, so that no two of them ever meet.
 */
export class Slot {
  private active: OnDemandEngine | undefined;
  private upSince = 0;
  /** At most one for each service. */
  private turns: Turn[] = [];
  private working: Promise<void> | undefined;
  private idle: Timer | undefined;
  private idleDue = false;
  /** Monotonic times, by engine; as many as there are services. */
  private readonly usedAt = new Map<OnDemandEngine, number>();
  private readonly failed = new Map<OnDemandEngine, { at: number; error: FlotillaError }>();
  private readonly closing = new AbortController();

  constructor(private readonly clock: Clock) {}

  /** Takes one over that runs already. */
  adopt(engine: OnDemandEngine): void {
    this.active = engine;
    this.upSince = this.clock.monotonic();
    this.used(engine);
    this.watchIdle();
  }

  /** Takes note that requests run on it. */
  used(engine: OnDemandEngine): void {
    this.usedAt.set(engine, this.clock.monotonic());
  }

  /** Monotonic time. */
  lastUsed(engine: OnDemandEngine): number | undefined {
    const used = Math.max(this.usedAt.get(engine) ?? 0, engine.busyAt);
    return used > 0 ? used : undefined;
  }

  /** Resolves when the engine answers. Throws why it does not. */
  async activate(engine: OnDemandEngine, signal: AbortSignal): Promise<void> {
    this.used(engine);
    if (this.active === engine && engine.view().state === 'ready') return;
    const failed = this.failed.get(engine);
    const wait = failed ? failed.at + coolMs - this.clock.monotonic() : 0;
    if (failed && wait > 0) {
      const { code, message, details } = failed.error;
      throw new FlotillaError(code, message, { details: { ...details, retryAfterMs: Math.ceil(wait) } });
    }
    const turn = this.turnOf(engine);
    if (turn.waiting >= maxWaiting) {
      throw new FlotillaError('overloaded', `Too many wait for ${engine.id} to start.`, {
        details: { retryAfterMs: 5_000 },
      });
    }
    turn.waiting += 1;
    this.work();
    try {
      await abortable(turn.done.promise, signal);
    } finally {
      turn.waiting -= 1;
      if (turn.waiting === 0) this.leave(turn);
    }
  }

  /** Stops it when it runs, whatever runs on it. */
  async stop(engine: OnDemandEngine): Promise<void> {
    await engine.stop();
    if (this.active === engine) this.active = undefined;
  }

  /** It is no longer one of this slot's. */
  forget(engine: OnDemandEngine): void {
    if (this.active === engine) this.active = undefined;
    this.usedAt.delete(engine);
    this.failed.delete(engine);
    const gone = new FlotillaError('engine_unavailable', `${engine.id} is no longer in the configuration.`);
    for (const turn of this.turns.filter((one) => one.engine === engine)) turn.done.reject(gone);
    this.turns = this.turns.filter((turn) => turn.engine !== engine);
  }

  /** Begins and waits for nothing any more. */
  async close(): Promise<void> {
    this.closing.abort(new FlotillaError('unavailable', 'The fleet controller is shutting down.'));
    this.idle?.cancel();
    for (const turn of this.turns.splice(0)) turn.done.reject(this.closing.signal.reason);
    await this.working;
  }

  private leave(turn: Turn): void {
    turn.left.abort();
    if (turn !== this.turns[0]) this.turns = this.turns.filter((one) => one !== turn);
  }

  private turnOf(engine: OnDemandEngine): Turn {
    const known = this.turns.find((turn) => turn.engine === engine && (turn.begun || !turn.left.signal.aborted));
    if (known) return known;
    const turn: Turn = {
      ...{ engine, done: Promise.withResolvers(), askedAt: this.clock.monotonic() },
      ...{ left: new AbortController(), begun: false, waiting: 0 },
    };
    turn.done.promise.catch(() => undefined);
    this.turns.push(turn);
    return turn;
  }

  private work(): void {
    this.working ??= this.run().finally(() => {
      this.working = undefined;
      // Something may have come between the last look and now.
      if (!this.closing.signal.aborted && (this.turns.length > 0 || this.idleDue)) this.work();
    });
  }

  private async run(): Promise<void> {
    for (;;) {
      const turn = this.turns[0];
      if (this.closing.signal.aborted || (!turn && !this.idleDue)) return;
      if (turn) await this.take(turn);
      else await this.rest();
    }
  }

  private async take(turn: Turn): Promise<void> {
    const { engine, askedAt } = turn;
    let outcome = 'started';
    try {
      turn.begun = await this.makeRoom(turn);
      if (turn.begun) await this.begin(engine);
      else outcome = 'left';
      turn.done.resolve();
      this.failed.delete(engine);
    } catch (thrown) {
      const error = toFlotillaError(thrown);
      outcome = error.code;
      if (!this.closing.signal.aborted) this.failed.set(engine, { at: this.clock.monotonic(), error });
      turn.done.reject(error);
    } finally {
      this.turns = this.turns.filter((one) => one !== turn);
    }
    if (outcome === 'left') return;
    const service = engine.onDemand?.label ?? engine.id;
    activationSeconds.record((this.clock.monotonic() - askedAt) / 1_000, { service, outcome });
  }

  /** Ends the service that has the address, when its time has come. False: nobody waits for another any more. */
  private async makeRoom({ engine, left }: Turn): Promise<boolean> {
    const current = this.active;
    const over = AbortSignal.any([left.signal, this.closing.signal]);
    if (!current || current === engine || !current.up) return !left.signal.aborted;
    const { minUpMs, drainMs } = current.onDemand!;
    try {
      await sleep(this.clock, Math.max(0, this.upSince + minUpMs - this.clock.monotonic()), over);
      current.retire(`it makes room for ${engine.id}`);
      await this.quiet(current, drainMs, over);
    } catch (error) {
      this.closing.signal.throwIfAborted();
      if (!over.aborted) throw error;
      if (current.up) current.recall();
      return false;
    }
    await current.stop();
    log.info('a service made room for another', { from: current.id, to: engine.id });
    switches.add(1, { provider: current.view().provider });
    return true;
  }

  private async begin(engine: OnDemandEngine): Promise<void> {
    const ran = this.active === engine && engine.up;
    this.active = engine;
    const deadline = deadlineSignal(this.clock, engine.onDemand!.startTimeoutMs + overdueMs, this.closing.signal);
    try {
      await engine.start(deadline.signal);
      if (!ran) this.upSince = this.clock.monotonic();
      this.used(engine);
      this.watchIdle();
    } catch (error) {
      if (!deadline.signal.aborted || this.closing.signal.aborted) throw error;
      await engine.stop();
      throw new FlotillaError('err_model_start_timeout', `${engine.id} did not answer in time and was stopped.`);
    } finally {
      deadline.clear();
    }
  }

  /** Resolves true when nothing runs on it, by a look that began after the news of its end was out; false after the time. */
  private async quiet(engine: OnDemandEngine, ms: number, signal: AbortSignal): Promise<boolean> {
    const begun = this.clock.monotonic();
    for (;;) {
      const now = this.clock.monotonic();
      const told = engine.quietSince(begun + newsMs);
      if (told ?? (this.lastUsed(engine) ?? 0) + usedForMs <= now) return true;
      if (now - begun >= ms) return false;
      await sleep(this.clock, lookMs, signal);
    }
  }

  private watchIdle(): void {
    this.idle?.cancel();
    const current = this.active;
    const idleMs = current?.onDemand?.idleStopMs ?? 0;
    if (!current || idleMs === 0 || this.closing.signal.aborted) return;
    const now = this.clock.monotonic();
    const due = Math.max((this.lastUsed(current) ?? now) + idleMs, this.upSince + current.onDemand!.minUpMs);
    // What is away for a moment (a server that did not answer) is looked at again, and not at every turn.
    const least = current.up ? lookMs : idleMs;
    this.idle = this.clock.after(Math.max(least, due - now), () => {
      this.idleDue = true;
      this.work();
    });
  }

  /** Stops what nobody used for long; a request that comes meanwhile keeps it. */
  private async rest(): Promise<void> {
    this.idleDue = false;
    const current = this.active;
    if (!current?.up) return this.watchIdle();
    const { idleStopMs } = current.onDemand!;
    const unused = () => (this.lastUsed(current) ?? 0) + idleStopMs <= this.clock.monotonic();
    try {
      if (!unused()) return;
      current.retire(`nobody used it for ${Math.round(idleStopMs / 1_000)} s`);
      const quiet = await this.quiet(current, usedForMs, this.closing.signal);
      if (!quiet || !unused() || this.turns.some(({ engine }) => engine === current)) return current.recall();
      await current.stop();
      this.active = undefined;
      log.info('a service was stopped because nobody used it', { engine: current.id });
    } catch (error) {
      if (!this.closing.signal.aborted)
        log.error('an unused service could not be stopped', { engine: current.id, error });
    } finally {
      this.watchIdle();
    }
  }
}
