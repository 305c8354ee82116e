import type { PickingConfig } from '@flotilla/kernel';
import { logger } from '@flotilla/telemetry';
import type { Endpoint } from '../endpoints/endpoint.ts';
import type { EjectionReason } from './health.ts';
import { ejections } from './metrics.ts';
import type { Pool } from './pool.ts';

const log = logger('llm-router');

/** Outcomes before a failure rate means something. */
const minOutcomes = 10;
/** Milliseconds to the first token below which nothing is called slow. */
const slowFloorMs = 250;

export interface EjectionTimes {
  readonly ejectBaseMs: number;
  readonly ejectMaxMs: number;
}

/** Sets engines aside: those that cannot be reached, and those that do worse than their peers. */
export class Outliers {
  readonly #times: EjectionTimes;

  constructor(times: EjectionTimes) {
    this.#times = times;
  }

  /** Nobody need be asked whether others do better: it does nothing at all. */
  unreachable(endpoint: Endpoint, now: number): void {
    this.#eject(endpoint, 'unreachable', now);
  }

  failed(endpoint: Endpoint, pool: Pool | undefined, settings: PickingConfig['outliers'], now: number): void {
    const { health } = endpoint;
    const trial = health.onTrial;
    health.failed();
    if (trial) return this.#eject(endpoint, 'failures', now);
    if (!pool || !hasRoom(pool, settings, now)) return;
    const { consecutive_failures: row, failure_rate: rate } = settings;
    if (row > 0 && health.failures >= row) this.#eject(endpoint, 'failures', now);
    else if (rate < 1 && health.outcomes >= minOutcomes && health.failureRate >= rate) {
      // When all fail, the fault lies elsewhere.
      if (pool.failureRateBeside(endpoint) < rate / 2) this.#eject(endpoint, 'failure_rate', now);
    }
  }

  /** Its times against those of its peers; call it where they are up to date. True: it was set aside. */
  tooSlow(endpoint: Endpoint, pool: Pool, settings: PickingConfig['outliers'], now: number): boolean {
    // While requests queue in it, it is its load that makes it late, and that counts by itself.
    if (!endpoint.latency.known || endpoint.facts.waiting > 0) return false;
    if (!this.isSlow(endpoint, pool, settings, now) || !hasRoom(pool, settings, now)) return false;
    this.#eject(endpoint, 'slow', now);
    return true;
  }

  isSlow({ latency }: Endpoint, pool: Pool | undefined, settings: PickingConfig['outliers'], now: number): boolean {
    if (!pool || settings.slow_factor === 0 || pool.usualLatency === 0) return false;
    return latency.perWork(now) > settings.slow_factor * pool.usualLatency && latency.ms(now) > slowFloorMs;
  }

  /** The trial's request was as slow as those before. */
  slowAgain(endpoint: Endpoint, now: number): void {
    this.#eject(endpoint, 'slow', now);
  }

  #eject(endpoint: Endpoint, reason: EjectionReason, now: number): void {
    const { ejectBaseMs, ejectMaxMs } = this.#times;
    if (!endpoint.health.eject(now, ejectBaseMs, ejectMaxMs)) return;
    endpoint.latency.forget();
    ejections[reason].add(1);
    log.warn('an engine is set aside', { endpoint: endpoint.facts.id, reason });
  }
}

function hasRoom(pool: Pool, { max_ejected: share }: PickingConfig['outliers'], now: number): boolean {
  return pool.ejected(now) + 1 <= Math.floor(pool.size * share);
}
