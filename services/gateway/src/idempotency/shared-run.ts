import { FlotillaError, type Clock, type Random, type Timer } from '@flotilla/kernel';
import type { FastifyRequest } from 'fastify';
import { Exchange } from '../http/exchange.ts';
import { commonHeaders } from '../http/send.ts';
import { SseResponse } from '../http/sse-response.ts';
import { lastingHeaders, type Answer } from './answer.ts';
import type { MemoryBudget } from './memory-budget.ts';
import { RecordedResponse } from './recorded-response.ts';
import { Recording, type Reader } from './recording.ts';

export interface RunOptions {
  clock: Clock;
  random: Random;
  /** Milliseconds a client may leave what was written unread. */
  stallMs: number;
  /** Milliseconds the run goes on when nobody reads it any more. */
  lingerMs: number;
  /** Bytes of its answer that are kept. */
  limit: number;
  /** What all runs may keep together. */
  budget: MemoryBudget;
}

/** What a route does with a request and the exchange that its answer is written to. */
export type Work = (exchange: Exchange) => Promise<void>;

/**
 * One run of a request whose answer several clients read. None of them owns it: the run goes on while anybody reads, and
 * `lingerMs` longer.
 */
export class SharedRun {
  readonly #recording: Recording;
  readonly #exchange: Exchange;
  readonly #response: RecordedResponse;
  #lingering: Timer | undefined;
  /** Resolves when the run is over, with its answer when it is a good one, whole and not too large. Never rejects. */
  readonly done: Promise<Answer | undefined>;

  /** `first`: whose request it is; the run has its id. `fail` writes an error as an answer. */
  constructor(
    request: FastifyRequest,
    first: Exchange,
    work: Work,
    fail: (exchange: Exchange, error: unknown) => void,
    private readonly options: RunOptions,
  ) {
    this.#recording = new Recording(options.limit, options.budget);
    this.#response = new RecordedResponse(request.raw, this.#recording);
    this.#exchange = standIn(first, this.#response, options);
    this.#response.once('close', () => this.#exchange.close());
    this.done = this.#run(work, fail);
  }

  get joinable(): boolean {
    return this.#recording.joinable;
  }

  /** Copies the answer, from its beginning, to a client; resolves when it is over for that client. */
  async join(exchange: Exchange, extra: readonly string[], replayed: boolean): Promise<void> {
    const { response } = exchange;
    this.#lingering?.cancel();
    const reader = this.#recording.read(() => response.destroy());
    let wake = () => {};
    const gone = new Promise<void>((resolve) => (wake = resolve));
    response.once('close', wake);
    try {
      await this.#copy(reader, exchange, extra, replayed, gone);
    } finally {
      response.off('close', wake);
      reader.leave();
      if (this.#recording.readers === 0 && this.#recording.end === undefined) this.#linger();
    }
  }

  /** Ends the run, and with it the answer of whoever still reads it. */
  abort(): void {
    this.#lingering?.cancel();
    this.#response.destroy();
  }

  async #run(work: Work, fail: (exchange: Exchange, error: unknown) => void): Promise<Answer | undefined> {
    try {
      await work(this.#exchange);
    } catch (error) {
      fail(this.#exchange, error);
    }
    this.#lingering?.cancel();
    if (!this.#response.writableFinished) this.#response.destroy();
    const answer = this.#recording.answer();
    this.#recording.release();
    const good = answer && this.#exchange.code === '' && answer.status >= 200 && answer.status < 300;
    return good ? answer : undefined;
  }

  async #copy(
    reader: Reader,
    exchange: Exchange,
    extra: readonly string[],
    replayed: boolean,
    gone: Promise<void>,
  ): Promise<void> {
    const { response } = exchange;
    const { clock, stallMs } = this.options;
    const sse = new SseResponse(response, clock, stallMs);
    while (!response.destroyed) {
      const { head, end } = this.#recording;
      if (head && !response.headersSent) {
        response.writeHead(head.status, [
          ...commonHeaders(exchange, clock),
          ...lastingHeaders(head, replayed),
          ...extra,
        ]);
        response.flushHeaders();
      }
      const chunk = reader.take();
      if (chunk) {
        response.write(chunk);
        await sse.drained();
      } else if (end === undefined) await Promise.race([reader.more(), gone]);
      else return this.#close(exchange, end);
    }
  }

  #close(exchange: Exchange, end: 'whole' | 'cut'): void {
    exchange.code = this.#exchange.code;
    if (end === 'whole') exchange.response.end();
    else if (exchange.response.headersSent) exchange.response.destroy();
    else throw new FlotillaError('unavailable', 'The request was ended before it was answered. Try again.');
  }

  #linger(): void {
    const { clock, lingerMs } = this.options;
    if (lingerMs === 0 || !this.joinable) return this.abort();
    this.#lingering = clock.after(lingerMs, () => this.abort());
  }
}

/** The exchange that the run itself has: the first one's, but for the connection. */
function standIn(first: Exchange, response: RecordedResponse, { clock, random }: RunOptions): Exchange {
  const sameId: Random = { next: () => random.next(), id: () => first.id };
  const exchange = new Exchange(response, first.publicId, clock, sameId, first.errors);
  exchange.identity = first.identity;
  exchange.client = first.client;
  exchange.traceparent = first.traceparent;
  return exchange;
}
