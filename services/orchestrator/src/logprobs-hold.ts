/** Pieces that wait, at most; a guard holds a few hundred characters. Beyond it the oldest are dropped, never released early. */
const MAX_WAITING = 1_024;

/**
 * Token probabilities spell the text out, so they go where it goes: they wait until their piece is released, and those of a stretch in
 * which something was redacted are dropped.
 */
export class LogprobsHold {
  readonly #waiting: { readonly start: number; readonly end: number; readonly json: string }[] = [];
  #written = 0;

  /** A piece of so many characters, and its probabilities if it has any. */
  add(characters: number, json: string): void {
    const start = this.#written;
    this.#written += characters;
    if (json === '') return;
    if (this.#waiting.length >= MAX_WAITING) this.#waiting.shift();
    this.#waiting.push({ start, end: this.#written, json });
  }

  /** The probabilities of what has been released since: all but the last `held` characters. */
  released(held: number, redacted: boolean): readonly string[] {
    const until = this.#written - held;
    let count = 0;
    // A piece of which a part was redacted is dropped whole.
    while (count < this.#waiting.length && this.#isDone(this.#waiting[count]!, until, redacted)) count += 1;
    const out = this.#waiting.splice(0, count);
    return redacted ? [] : out.map(({ json }) => json);
  }

  #isDone({ start, end }: { start: number; end: number }, until: number, redacted: boolean): boolean {
    return redacted ? start < until : end <= until;
  }
}

/** OpenAI's logprobs objects as one. What is not JSON is left out: it was the engine's. */
export function joinLogprobs(jsons: readonly string[]): string {
  if (jsons.length <= 1) return jsons[0] ?? '';
  const joined: { content: unknown[]; refusal: unknown[] | null } = { content: [], refusal: null };
  for (const json of jsons) {
    try {
      const { content, refusal } = JSON.parse(json) as { content?: unknown; refusal?: unknown };
      if (Array.isArray(content)) joined.content.push(...(content as unknown[]));
      if (Array.isArray(refusal)) joined.refusal = [...(joined.refusal ?? []), ...(refusal as unknown[])];
    } catch {
      continue;
    }
  }
  return JSON.stringify(joined);
}
