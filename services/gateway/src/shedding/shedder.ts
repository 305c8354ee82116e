import type { Clock, Random } from '@flotilla/kernel';
import { FlotillaError } from '@flotilla/kernel';
import { beforeRead, counter, gauge } from '@flotilla/telemetry';
import { AdaptiveLimit } from './adaptive-limit.ts';
import type { SheddingSettings } from './settings.ts';

export type Priority = 'interactive' | 'batch';

/** Lets chats in while their model keeps up. */
export interface Shedder {
  /** Throws `overloaded` when too many chats of this model are under way for its priority. */
  enter(priority: Priority, model?: string): Ticket;
}

/** A chat that was let in. */
export interface Ticket {
  /** The first token came. Told at once, a queue is seen at once; `leave` may tell it instead. */
  began?(ttftMs: number): void;
  /** The chat is over. `ttftMs`: absent when nothing was streamed. Only the first call counts. */
  leave(outcome: { ttftMs?: number; failed: boolean }): void;
}

/** Models that have a limit of their own at most; the names come from clients. The others share one. */
const mostModels = 512;
const others = '(others)';

/** Milliseconds after which a refused chat is worth another try; half as much again at random, so that they do not come at once. */
const retryMs = { interactive: 1_000, batch: 5_000 };

const limits = gauge({
  name: 'flotilla_gateway_concurrency_limit',
  description: 'Chats of a model that may be under way, as its time to the first token has it',
  unit: '{request}',
});
const underWay = gauge({
  name: 'flotilla_gateway_concurrency_in_flight',
  description: 'Chats of a model under way',
  unit: '{request}',
});
const shed = counter({
  name: 'flotilla_gateway_shed_total',
  description: 'Chats refused because their model does not keep up, by priority',
  unit: '{request}',
});

export interface AdaptiveShedderOptions extends SheddingSettings {
  clock: Clock;
  random: Random;
}

/** A limit for each model: one that is slow or overloaded takes nothing from the others. */
export class AdaptiveShedder implements Shedder {
  /** The oldest first. */
  readonly #limits = new Map<string, AdaptiveLimit>();

  constructor(private readonly options: AdaptiveShedderOptions) {}

  enter(priority: Priority, model = ''): Ticket {
    const limit = this.#limitOf(model);
    if (limit.inFlight >= this.#allowed(limit, priority)) {
      shed.add(1, { priority });
      throw new FlotillaError('overloaded', undefined, {
        details: { retryAfterMs: Math.round(retryMs[priority] * (1 + this.options.random.next() / 2)) },
      });
    }
    limit.enter();
    return this.#ticket(limit);
  }

  /** True while `enter` would refuse. */
  refuses(priority: Priority, model: string): boolean {
    const limit = this.#limits.get(model);
    return limit !== undefined && limit.inFlight >= this.#allowed(limit, priority);
  }

  /** Median milliseconds to the first token, lately and usually; undefined while nobody knows. */
  firstToken(model: string): { recentMs: number | undefined; usualMs: number | undefined } {
    const limit = this.#limits.get(model);
    return { recentMs: limit?.recentMs(this.options.clock.monotonic()), usualMs: limit?.usualMs };
  }

  /** Brings the gauges up to date at each reading. Returns the way to stop. */
  observe(): () => void {
    return beforeRead(() => {
      for (const [model, limit] of this.#limits) {
        limits.set(limit.limit, { model });
        underWay.set(limit.inFlight, { model });
      }
    });
  }

  #allowed(limit: AdaptiveLimit, priority: Priority): number {
    return priority === 'batch' ? Math.floor(limit.limit * this.options.shedBatchShare) : limit.limit;
  }

  #ticket(limit: AdaptiveLimit): Ticket {
    const { clock, shedTolerance, shedTimelyMs } = this.options;
    const enteredAt = clock.monotonic();
    let told = false;
    let left = false;
    const began = (ttftMs: number) => {
      if (told) return;
      told = true;
      limit.sample(ttftMs, enteredAt, clock.monotonic());
    };
    return {
      began,
      leave({ ttftMs, failed }) {
        if (left) return;
        left = true;
        limit.leave();
        if (ttftMs !== undefined) return began(ttftMs);
        // What failed at once says nothing of a queue; what failed after a long wait is a token that came later still.
        const waited = clock.monotonic() - enteredAt;
        const { usualMs } = limit;
        if (failed && usualMs !== undefined && waited > Math.max(shedTimelyMs, usualMs * shedTolerance)) began(waited);
      },
    };
  }

  #limitOf(model: string): AdaptiveLimit {
    const known = this.#limits.get(model);
    if (known) return known;
    const name = this.#limits.size < mostModels || this.#forgetOne() ? model : others;
    let limit = this.#limits.get(name);
    if (!limit) {
      const { clock, shedMinConcurrency, shedMaxConcurrency: max, shedTolerance, shedTimelyMs } = this.options;
      const min = Math.min(shedMinConcurrency, max);
      limit = new AdaptiveLimit({ min, max, tolerance: shedTolerance, timelyMs: shedTimelyMs }, clock.monotonic());
      this.#limits.set(name, limit);
    }
    return limit;
  }

  /** Makes room: the oldest model of which nothing is under way. False when there is none. */
  #forgetOne(): boolean {
    for (const [name, { inFlight }] of this.#limits) {
      if (inFlight > 0 || name === others) continue;
      underWay.set(0, { model: name });
      return this.#limits.delete(name);
    }
    return false;
  }
}
