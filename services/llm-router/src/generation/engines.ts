import type { Clock, Random } from '@flotilla/kernel';
import type { RouterConfig } from '../config.ts';
import type { EndpointPicker } from '../picking/endpoint-picker.ts';
import { EngineClient } from '../providers/engine-client.ts';
import type { AnswerOutcome } from './generation-record.ts';
import { HedgeDelays } from './hedging.ts';
import { Pauses } from './pauses.ts';
import type { Plan } from './plan.ts';
import { RetryBudget } from './retry-budget.ts';
import { Watchdog } from '../providers/watchdog.ts';

/** Something that runs on an engine and ends with the service. */
export interface Running {
  abandon(): void;
}

/** What all requests share: connections, the picker, budgets, the limits of time, and who is under way. */
export class Engines {
  readonly clock: Clock;
  readonly random: Random;
  readonly config: RouterConfig;
  readonly client: EngineClient;
  readonly watchdog: Watchdog;
  readonly picker: EndpointPicker;
  readonly pauses: Pauses;
  readonly retries: RetryBudget;
  readonly hedges: RetryBudget;
  readonly hedgeDelays: HedgeDelays;
  /** Told of every answer that has ended. */
  onOutcome: ((plan: Plan, outcome: AnswerOutcome) => void) | undefined;
  /** Bounded by the endpoints' own bounds. */
  readonly #running = new Set<Running>();
  readonly #draining = new AbortController();
  #idle: (() => void)[] = [];

  constructor(config: RouterConfig, clock: Clock, random: Random, picker: EndpointPicker) {
    this.clock = clock;
    this.random = random;
    this.config = config;
    this.watchdog = new Watchdog(clock);
    this.client = new EngineClient(config, this.watchdog);
    this.picker = picker;
    this.pauses = new Pauses(clock, config.retryAfterMaxMs);
    this.retries = new RetryBudget(clock, { share: config.retryShare, perSecond: config.retryMinPerSecond });
    this.hedges = new RetryBudget(clock, { share: config.hedgeShare, perSecond: 0 });
    this.hedgeDelays = new HedgeDelays(clock, config.hedgeMinMs);
  }

  /** Requests that run now. */
  get underWay(): number {
    return this.#running.size;
  }

  /** Aborts when the service begins to end: what nobody waits for ends then. */
  get draining(): AbortSignal {
    return this.#draining.signal;
  }

  enter(running: Running): void {
    this.#running.add(running);
  }

  leave(running: Running): void {
    this.#running.delete(running);
    if (this.#running.size > 0 || this.#idle.length === 0) return;
    for (const resolve of this.#idle.splice(0)) resolve();
  }

  /** Resolves when nothing is under way, or the signal aborts. */
  drain(signal: AbortSignal): Promise<void> {
    this.#draining.abort();
    if (this.#running.size === 0 || signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      this.#idle.push(resolve);
      signal.addEventListener('abort', () => resolve(), { once: true });
    });
  }

  async close(): Promise<void> {
    this.#draining.abort();
    for (const running of this.#running) running.abandon();
    await this.client.close();
  }
}
