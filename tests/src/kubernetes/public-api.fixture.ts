import { readEvents } from '@flotilla/testkit';

export interface Answer {
  /** Of HTTP. */
  status: number;
  text: string;
  /** In the body, or in a stream that had begun; `lost`: it ended without its end. */
  error?: { code: string; message: string };
}

/** The platform as a client of its public API has it. */
export class PublicApi {
  readonly #url: string;
  readonly #headers: Record<string, string>;

  constructor(url: string, key: string) {
    this.#url = url;
    this.#headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' };
  }

  /** Names in the list of models. */
  async models(): Promise<string[]> {
    const response = await fetch(`${this.#url}/v1/models`, {
      headers: this.#headers,
      signal: AbortSignal.timeout(10_000),
    });
    const { data } = (await response.json()) as { data: { id: string }[] };
    return data.map(({ id }) => id);
  }

  /** One chat, streamed: numbers up to this one. */
  async chat(model: string, last = 4): Promise<Answer> {
    const response = await fetch(`${this.#url}/v1/chat/completions`, {
      method: 'POST',
      headers: this.#headers,
      body: JSON.stringify({
        ...{ model, stream: true, max_tokens: 3 * last, ignore_eos: true },
        messages: [{ role: 'user', content: `Count to ${last}` }],
      }),
      signal: AbortSignal.timeout(120_000),
    });
    const { status } = response;
    if (!response.ok) return { status, text: '', ...((await response.json()) as Pick<Answer, 'error'>) };
    const { events, done } = await readEvents(response);
    const text = events.map(({ choices }) => choices?.[0]?.delta.content ?? '').join('');
    const error = events.find((event) => event.error)?.error as Answer['error'];
    if (error) return { status, text, error };
    const end = events.map(({ choices }) => choices?.[0]?.finish_reason).find(Boolean);
    if (done && end && text.includes(`${last}`)) return { status, text };
    const message = `${events.length} events to "${text.slice(-20)}", ${end ?? 'no'} finish_reason, ${done ? '' : 'not '}done`;
    return { status, text, error: { code: 'lost', message } };
  }
}
