import { within, type Clock } from '@flotilla/kernel';
import type { KeptAnswer } from './kept-answer.ts';

/** Answers that are under way, for those who ask the same meanwhile. Bounded by the requests that run. */
export class JoinedAnswers {
  readonly #clock: Clock;
  readonly #timeoutMs: number;
  readonly #underWay = new Map<string, Promise<KeptAnswer | undefined>>();

  constructor(clock: Clock, timeoutMs: number) {
    this.#clock = clock;
    this.#timeoutMs = timeoutMs;
  }

  has(key: string): boolean {
    return this.#underWay.has(key);
  }

  /** The one that is under way, once it is whole. Undefined: there is none, it came to nothing, or not in time. */
  async join(key: string, signal: AbortSignal): Promise<KeptAnswer | undefined> {
    const answer = this.#underWay.get(key);
    if (!answer || signal.aborted) return undefined;
    let leave!: () => void;
    const left = new Promise<undefined>((resolve) => {
      leave = () => resolve(undefined);
    });
    signal.addEventListener('abort', leave, { once: true });
    try {
      return await within(this.#clock, this.#timeoutMs, Promise.race([answer, left]));
    } catch {
      return undefined;
    } finally {
      signal.removeEventListener('abort', leave);
    }
  }

  /** Others may wait for this one; call what it returns with the answer, or with nothing when there is none to share. */
  lead(key: string): (answer: KeptAnswer | undefined) => void {
    if (this.#underWay.has(key)) return () => undefined;
    let settle!: (answer: KeptAnswer | undefined) => void;
    const answer = new Promise<KeptAnswer | undefined>((resolve) => {
      settle = resolve;
    });
    this.#underWay.set(key, answer);
    return (whole) => {
      if (this.#underWay.get(key) === answer) this.#underWay.delete(key);
      settle(whole);
    };
  }

  /** Nobody joins any more what was begun until now. */
  forget(): void {
    this.#underWay.clear();
  }
}
