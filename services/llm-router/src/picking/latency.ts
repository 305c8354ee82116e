/** How much the newest answer counts in the mean. */
const newest = 0.3;
/** Characters that any prompt counts more than it has: what an answer takes however short the prompt. */
const baseWork = 2_000;

/** Characters an engine has to read before the first token, with what each request costs besides. */
export const workOf = (characters: number): number => baseWork + characters;

/**
 * How long an engine takes to its first token, for the prompt it has to read: milliseconds for each character, so that
 * an engine that gets long prompts, or new ones, is not taken for slow.
 */
export class EndpointLatency {
  /** Answers in the mean. */
  samples = 0;
  #mean = 0;
  /** Milliseconds to the first token, as they are. */
  #meanMs = 0;
  #waiting = 0;
  #waitingSince = 0;
  #waitingWork = 0;

  /** A request was sent, whose first token may be waited for. */
  began(now: number, work: number): void {
    this.#waiting += 1;
    this.#waitingSince += now;
    this.#waitingWork += work;
  }

  /** It is not waited for any more. */
  settled(beganAt: number, work: number): void {
    this.#waiting -= 1;
    this.#waitingSince -= beganAt;
    this.#waitingWork -= work;
    if (this.#waiting === 0) [this.#waitingSince, this.#waitingWork] = [0, 0];
  }

  observe(ms: number, work: number): void {
    const weight = Math.max(newest, 1 / (this.samples + 1));
    this.#mean += (ms / work - this.#mean) * weight;
    this.#meanMs += (ms - this.#meanMs) * weight;
    this.samples += 1;
  }

  /** Answers, or requests that wait for one: how much is known. */
  get evidence(): number {
    return Math.max(this.samples, this.#waiting);
  }

  /** Milliseconds a character: of the answers, or of those that are waited for when these take longer already. 0: not known. */
  perWork(now: number): number {
    return Math.max(this.#mean, this.#waiting > 0 ? (now * this.#waiting - this.#waitingSince) / this.#waitingWork : 0);
  }

  /** Milliseconds to the first token, likewise. */
  ms(now: number): number {
    return Math.max(this.#meanMs, this.#waiting > 0 ? now - this.#waitingSince / this.#waiting : 0);
  }

  /** It is another engine now, as far as one can tell. */
  forget(): void {
    this.samples = 0;
    this.#mean = 0;
    this.#meanMs = 0;
  }
}
