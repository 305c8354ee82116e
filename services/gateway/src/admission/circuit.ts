import type { Clock } from '@flotilla/kernel';

/** Failures in a row after which a service is not asked for a while: one is a pause of a garbage collector. */
const mostFailures = 3;
/** Milliseconds until one call tries again. */
const openMs = 250;

/** Whether a service that may be down is worth a call. Each call that was let in says how it ended. */
export class Circuit {
  #failures = 0;
  #openUntil = 0;
  #probing = false;

  constructor(private readonly clock: Clock) {}

  enter(): boolean {
    if (this.#failures < mostFailures) return true;
    if (this.#probing || this.clock.monotonic() < this.#openUntil) return false;
    this.#probing = true;
    return true;
  }

  succeeded(): void {
    this.#failures = 0;
    this.#probing = false;
  }

  failed(): void {
    this.#failures += 1;
    this.#probing = false;
    this.#openUntil = this.clock.monotonic() + openMs;
  }

  /** The caller did not wait for the end. */
  left(): void {
    this.#probing = false;
  }
}
