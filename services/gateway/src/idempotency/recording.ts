import type { Answer, Head } from './answer.ts';
import type { MemoryBudget } from './memory-budget.ts';

/** Bytes by which the fastest reader may be behind before the writer is asked to wait. */
const highWater = 256 * 1024;

/** Where one reader of a recording is. */
export interface Reader {
  /** What was written since; undefined: nothing. */
  take(): Uint8Array | undefined;
  /** Resolves when there is more, or an end. */
  more(): Promise<void>;
  leave(): void;
}

interface Place {
  /** Of the next chunk, counted from the first ever written. */
  next: number;
  bytes: number;
  wake: (() => void) | undefined;
  cut: () => void;
}

/**
 * An answer while it is written, and whoever reads it along. All of it is kept until it is larger than `limit` bytes or the
 * budget is spent; from then on nobody can join, what all have read is dropped, and a reader that is `limit` bytes behind
 * is cut off.
 */
export class Recording {
  head: Head | undefined;
  /** `whole`: nothing is missing. `cut`: the writer gave up. */
  end: 'whole' | 'cut' | undefined;
  /** Called when a writer that was asked to wait need not any more. */
  onDrain: (() => void) | undefined;
  #chunks: Uint8Array[] = [];
  /** Chunks dropped before the first that is kept. */
  #dropped = 0;
  #bytes = 0;
  /** Taken from the budget. */
  #held = 0;
  #complete = true;
  readonly #places = new Set<Place>();

  constructor(
    private readonly limit: number,
    private readonly budget: MemoryBudget,
  ) {}

  /** True while a reader can still get all of it. */
  get joinable(): boolean {
    return this.end !== 'cut' && this.#complete;
  }

  get readers(): number {
    return this.#places.size;
  }

  /** True while the writer should wait. */
  get full(): boolean {
    if (this.#places.size === 0) return false;
    for (const { bytes } of this.#places) if (this.#bytes - bytes < highWater) return false;
    return true;
  }

  /** `cut`: called when the reader is too far behind. */
  read(cut: () => void): Reader {
    const place: Place = { next: this.#dropped, bytes: 0, wake: undefined, cut };
    this.#places.add(place);
    return {
      take: () => this.#take(place),
      more: () => new Promise((resolve) => (place.wake = resolve)),
      leave: () => void this.#places.delete(place),
    };
  }

  begin(head: Head): void {
    this.head = head;
    this.#wake();
  }

  write(chunk: Uint8Array): void {
    if (chunk.length === 0) return;
    if (!this.joinable) for (const place of this.#places) if (this.#bytes - place.bytes > this.limit) this.#cut(place);
    this.#chunks.push(chunk);
    this.#bytes += chunk.length;
    if (this.#complete) this.#hold(chunk.length);
    this.#wake();
  }

  finish(end: 'whole' | 'cut'): void {
    this.end ??= end;
    this.#wake();
  }

  /** The whole answer; undefined when it is not one, or too large. */
  answer(): Answer | undefined {
    if (!this.head || this.end !== 'whole' || !this.joinable) return undefined;
    return { ...this.head, body: Buffer.concat(this.#chunks) };
  }

  /** Gives back what it holds of the budget: it is over, and goes once its last readers have. */
  release(): void {
    this.budget.give(this.#held);
    this.#held = 0;
  }

  #hold(bytes: number): void {
    if (this.#bytes <= this.limit && this.budget.take(bytes)) {
      this.#held += bytes;
      return;
    }
    this.#complete = false;
    this.release();
  }

  #take(place: Place): Uint8Array | undefined {
    const wasFull = this.full;
    const chunks = this.#chunks.slice(place.next - this.#dropped);
    if (chunks.length === 0) return undefined;
    place.next += chunks.length;
    place.bytes = this.#bytes;
    this.#trim();
    if (wasFull) this.onDrain?.();
    return chunks.length === 1 ? chunks[0] : Buffer.concat(chunks);
  }

  #trim(): void {
    if (this.joinable) return;
    let least = Infinity;
    for (const { next } of this.#places) least = Math.min(least, next);
    this.#chunks.splice(0, least - this.#dropped);
    this.#dropped = least;
  }

  #cut(place: Place): void {
    this.#places.delete(place);
    place.cut();
  }

  #wake(): void {
    for (const place of this.#places) {
      const { wake } = place;
      place.wake = undefined;
      wake?.();
    }
  }
}
