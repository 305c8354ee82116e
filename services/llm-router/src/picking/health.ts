export type EjectionReason = 'unreachable' | 'failures' | 'failure_rate' | 'slow';

/** How much the newest outcome counts in the failure rate. */
const newest = 0.1;

/**
 * Whether an engine is trusted: as it is, set aside until a time, or on trial after it with one request. The way of
 * circuit breakers (closed, open, half-open) with the growing pauses of Envoy's outlier ejection.
 */
export class EndpointHealth {
  /** Outcomes since it was set aside last. */
  outcomes = 0;
  /** Failures in a row. */
  failures = 0;
  /** The share of recent requests that failed, 0 to 1. */
  failureRate = 0;
  #ejectedUntil = 0;
  #ejections = 0;
  #onTrial = false;
  #trialRuns = false;
  #backSince = -Infinity;

  /** It gets no request now: it is set aside, or its one request on trial is under way. */
  ejected(now: number): boolean {
    return this.#ejectedUntil > now || this.#trialRuns;
  }

  get onTrial(): boolean {
    return this.#onTrial;
  }

  /** Sets it aside for `baseMs`, doubling each time in a row up to `maxMs`. False: it was already. */
  eject(now: number, baseMs: number, maxMs: number): boolean {
    if (this.#ejectedUntil > now) return false;
    this.#ejectedUntil = now + Math.min(baseMs * 2 ** Math.min(this.#ejections, 20), maxMs);
    this.#ejections += 1;
    this.#onTrial = true;
    this.#trialRuns = false;
    this.outcomes = 0;
    this.failures = 0;
    this.failureRate = 0;
    return true;
  }

  /** A request is sent to it. True: it is the trial's. */
  began(now: number): boolean {
    if (!this.#onTrial || this.#trialRuns || this.#ejectedUntil > now) return false;
    this.#trialRuns = true;
    return true;
  }

  /** The trial's request told nothing. */
  trialLeft(): void {
    this.#trialRuns = false;
  }

  failed(): void {
    this.outcomes += 1;
    this.failures += 1;
    this.failureRate += (1 - this.failureRate) * newest;
  }

  /** It delivered: whatever it was set aside for is forgiven. True: it comes back by that. */
  delivered(now: number): boolean {
    this.outcomes += 1;
    this.failures = 0;
    this.failureRate -= this.failureRate * newest;
    if (!this.#onTrial) return false;
    this.#ejectedUntil = 0;
    this.#ejections = 0;
    this.#onTrial = false;
    this.#trialRuns = false;
    this.#backSince = now;
    return true;
  }

  /** How much of its share it takes up, 0 to 1: it has been back for so long. */
  recovered(now: number, slowStartMs: number): number {
    const since = now - this.#backSince;
    return since >= slowStartMs ? 1 : since / slowStartMs;
  }
}
