const counts = /"(?:total|completion)_tokens"\s*:\s*(?=\d)/g;
const digits = /^\d+/;
const ZERO = 48;

/** What stands behind the text of a chunk that tells what was used so far: it differs from the next in two counts. */
export class CountedTail {
  readonly #before: string;
  readonly #between: string;
  readonly #after: string;
  /** Of the counts found last, in their order. */
  readonly found: [number, number] = [0, 0];

  private constructor(before: string, between: string, after: string) {
    this.#before = before;
    this.#between = between;
    this.#after = after;
  }

  /** Undefined: no two such counts. */
  static of(tail: string): CountedTail | undefined {
    const [first, second, ...more] = [...tail.matchAll(counts)].map((match) => match.index + match[0].length);
    if (first === undefined || second === undefined || more.length > 0) return undefined;
    const end = (at: number) => at + digits.exec(tail.slice(at))![0].length;
    return new CountedTail(tail.slice(0, first), tail.slice(end(first), second), tail.slice(end(second)));
  }

  /** The tail with these counts. */
  with(first: number, second: number): string {
    return `${this.#before}${first}${this.#between}${second}${this.#after}`;
  }

  /** Whether `data` ends with this tail from `at` on, whatever its counts; they are then `found`. */
  matches(data: string, at: number): boolean {
    const first = at + this.#before.length;
    if (data.slice(at, first) !== this.#before) return false;
    const between = this.#count(data, first, 0);
    const second = between + this.#between.length;
    if (between === first || data.slice(between, second) !== this.#between) return false;
    const after = this.#count(data, second, 1);
    return after > second && data.slice(after) === this.#after;
  }

  /** Reads the digits from `at` on; returns where they end. */
  #count(data: string, at: number, place: 0 | 1): number {
    let count = 0;
    for (let digit = data.charCodeAt(at) - ZERO; digit >= 0 && digit <= 9; digit = data.charCodeAt(at) - ZERO) {
      count = count * 10 + digit;
      at += 1;
    }
    this.found[place] = count;
    return at;
  }
}
