import { readEvents } from './sse.ts';

export interface LoadResult {
  /** Complete, as the stream itself says. */
  answered: number;
  /** Refused or ended with an error that says so. */
  refused: string[];
  /** Neither: a stream that ended as if it were complete, or a broken connection. */
  lost: string[];
}

export interface LoadOptions {
  url: string;
  key: string;
  model: string;
  /** Requests at a time. */
  clients: number;
  /** Tokens of each answer. */
  tokens: number;
}

/** Clients that stream one chat after the other until they are told to end; every request is accounted for. */
export class ChatLoad {
  readonly result: LoadResult = { answered: 0, refused: [], lost: [] };
  readonly #options: LoadOptions;
  readonly #clients: Promise<void>[];
  #ending = false;

  constructor(options: LoadOptions) {
    this.#options = options;
    this.#clients = Array.from({ length: options.clients }, () => this.#client());
  }

  /** Resolves when the requests under way have their answers. */
  async end(): Promise<LoadResult> {
    this.#ending = true;
    await Promise.all(this.#clients);
    return this.result;
  }

  async #client(): Promise<void> {
    while (!this.#ending) {
      try {
        await this.#ask();
      } catch (error) {
        this.result.lost.push(String(error instanceof Error ? (error.cause ?? error) : error));
      }
    }
  }

  async #ask(): Promise<void> {
    const { url, key, model, tokens } = this.#options;
    const response = await fetch(`${url}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      body: JSON.stringify({
        ...{ model, stream: true, max_tokens: tokens, ignore_eos: true },
        messages: [{ role: 'user', content: `Count to ${tokens}, ${this.result.answered}` }],
      }),
      signal: AbortSignal.timeout(120_000),
    });
    if (!response.ok) {
      const body = await response.text();
      (body.includes('"error"') ? this.result.refused : this.result.lost).push(
        `${response.status} ${body.slice(0, 200)}`,
      );
      return;
    }
    const { events, done } = await readEvents(response);
    const error = events.find((event) => event.error)?.error;
    const finished = events.some((event) => event.choices?.[0]?.finish_reason);
    if (error) this.result.refused.push(`${error.code}: ${error.message}`);
    else if (done && finished) this.result.answered += 1;
    else this.result.lost.push(`a stream of ${events.length} events without its end`);
  }
}
