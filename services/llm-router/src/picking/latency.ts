/** The best of so many answers in a row counts: chance makes one of them late, not all. */
const kept = 5;
/** How much of the worst there was is remembered from answer to answer. */
const fading = 0.95;
/** Requests that wait for their first token before their waiting says something. */
const enoughWaiting = 3;
/** Characters that any prompt counts more than it has: what an answer takes however short the prompt. */
const baseWork = 2_000;

/** What a prompt may cost an engine before the first token: its characters, with what each request costs besides. */
export const workOf = (characters: number): number => baseWork + characters;

/**
 * How long an engine takes to its first token, for what it may have to read until then, the prompts before it included:
 * milliseconds for each character, so that one that gets long prompts, or many, is not taken for slow. What its cache may
 * hold is not taken off: a cache that had lost it would look like a slow engine.
 */
export class EndpointLatency {
  /** Answers that were timed. */
  samples = 0;
  /** Characters sent to it whose first token has not come. */
  backlog = 0;
  /** Milliseconds a character, of the worst answers: as long as a healthy engine takes for what it has to read in full. */
  usual = 0;
  readonly #perWork = new Float64Array(kept);
  readonly #ms = new Float64Array(kept);
  #waiting = 0;
  #waitingSince = 0;
  #waitingAhead = 0;

  /** A request was sent, whose first token may be waited for. The result is what the engine has to read until then: those before it come first. */
  began(now: number, work: number): number {
    this.backlog += work;
    this.#waiting += 1;
    this.#waitingSince += now;
    this.#waitingAhead += this.backlog;
    return this.backlog;
  }

  /** It is not waited for any more. `ahead`: what `began` gave. */
  settled(beganAt: number, work: number, ahead: number): void {
    this.#waiting -= 1;
    this.#waitingSince -= beganAt;
    this.#waitingAhead -= ahead;
    this.backlog -= work;
    if (this.#waiting === 0) [this.#waitingSince, this.#waitingAhead, this.backlog] = [0, 0, 0];
  }

  observe(ms: number, ahead: number): void {
    this.#perWork[this.samples % kept] = ms / ahead;
    this.#ms[this.samples % kept] = ms;
    this.usual = Math.max(ms / ahead, this.usual * fading);
    this.samples += 1;
  }

  /** Whether there is enough to call it slow by. */
  get known(): boolean {
    return this.samples >= kept || this.#waiting >= enoughWaiting;
  }

  /** Milliseconds a character: of the best answer, or of those that are waited for when these take longer already. 0: not known. */
  perWork(now: number): number {
    return Math.max(this.#best(this.#perWork), this.#late(now) / this.#waitingAhead || 0);
  }

  /** Milliseconds to the first token, likewise. */
  ms(now: number): number {
    return Math.max(this.#best(this.#ms), this.#late(now) / this.#waiting || 0);
  }

  /** It is another engine now, as far as one can tell. */
  forget(): void {
    this.samples = 0;
    this.usual = 0;
  }

  #best(of: Float64Array): number {
    let best = of[0]!;
    for (let i = 1; i < Math.min(this.samples, kept); i += 1) if (of[i]! < best) best = of[i]!;
    return this.samples === 0 ? 0 : best;
  }

  /** Milliseconds that those that wait have waited, together. */
  #late(now: number): number {
    return this.#waiting < enoughWaiting ? 0 : now * this.#waiting - this.#waitingSince;
  }
}
