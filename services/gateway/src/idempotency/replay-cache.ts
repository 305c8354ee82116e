import type { Answer } from './answer.ts';

export interface Replay {
  readonly digest: string;
  readonly answer: Answer;
}

/** Bytes of an entry beside the body: head, key and map, about. */
const overhead = 1_024;

/** Answers in memory, at most `bytes` of them. The least recently used leaves first. */
export class ReplayCache {
  readonly #entries = new Map<string, Replay & { readonly expiresAt: number }>();
  #size = 0;

  constructor(private readonly bytes: number) {}

  /** `now`, `expiresAt`: monotonic milliseconds. */
  get(key: string, now: number): Replay | undefined {
    const entry = this.#entries.get(key);
    if (!entry) return undefined;
    this.#delete(key, entry);
    if (now >= entry.expiresAt) return undefined;
    this.#insert(key, entry);
    return entry;
  }

  set(key: string, replay: Replay, expiresAt: number): void {
    const known = this.#entries.get(key);
    if (known) this.#delete(key, known);
    this.#insert(key, { ...replay, expiresAt });
    for (const [oldest, entry] of this.#entries) {
      if (this.#size <= this.bytes) return;
      this.#delete(oldest, entry);
    }
  }

  #insert(key: string, entry: Replay & { readonly expiresAt: number }): void {
    this.#entries.set(key, entry);
    this.#size += sizeOf(entry);
  }

  #delete(key: string, entry: Replay): void {
    this.#entries.delete(key);
    this.#size -= sizeOf(entry);
  }
}

function sizeOf({ answer }: Replay): number {
  return answer.body.length + overhead;
}
