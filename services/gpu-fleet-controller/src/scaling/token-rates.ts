import type { Replica } from '../models/world.ts';

interface Counted {
  readonly at: number;
  readonly prompt: number;
  readonly generated: number;
}

/** Tokens a second. */
export interface TokenRate {
  readonly prompt: number;
  readonly generated: number;
}

/** Counters are read no more often: between two probes they stand still, and then jump. Milliseconds. */
const shortest = 900;

/** How fast the token counters of replicas rise. A counter that falls has begun anew with its engine. */
export class TokenRates {
  readonly #counted = new Map<string, Counted>();
  readonly #rates = new Map<string, TokenRate>();

  /** Tokens generated since the last look, by pod, of those that counted since. */
  look(at: number, replicas: readonly Replica[]): ReadonlyMap<string, number> {
    const made = new Map<string, number>();
    const present = new Set(replicas.map(({ pod }) => pod));
    for (const pod of this.#counted.keys()) if (!present.has(pod)) this.#forget(pod);
    for (const { pod, promptTokens, generatedTokens } of replicas) {
      if (generatedTokens === undefined) continue;
      const now = { at, prompt: promptTokens ?? 0, generated: generatedTokens };
      const before = this.#counted.get(pod);
      if (before && at - before.at < shortest) continue;
      this.#counted.set(pod, now);
      if (!before) continue;
      const seconds = (at - before.at) / 1_000;
      const generated = risen(before.generated, now.generated);
      made.set(pod, generated);
      this.#rates.set(pod, {
        prompt: risen(before.prompt, now.prompt) / seconds,
        generated: generated / seconds,
      });
    }
    return made;
  }

  of(pod: string): TokenRate | undefined {
    return this.#rates.get(pod);
  }

  #forget(pod: string): void {
    this.#counted.delete(pod);
    this.#rates.delete(pod);
  }
}

function risen(before: number, now: number): number {
  return now >= before ? now - before : now;
}
