import { FlotillaError, toFlotillaError } from '@flotilla/kernel';
import type { Edge } from './edge.ts';
import type { Exchange } from './exchange.ts';
import { commonHeaders } from './send.ts';
import { SseResponse } from './sse-response.ts';

/** A streamed answer. It opens with its first text: until then a failure can still be an honest HTTP status. */
export class AnswerStream {
  readonly #sse: SseResponse;
  #draining: Promise<void> | undefined;

  constructor(
    private readonly exchange: Exchange,
    private readonly edge: Edge,
    /** Headers of this API, flat as names and values; asked for when the stream opens. */
    private readonly headers: () => string[],
  ) {
    this.#sse = new SseResponse(exchange.response, edge.clock, edge.config.stallTimeoutMs);
  }

  /** Undefined when more may be written now; else resolves when the client has read on. Several turns may write side by side. */
  write(text: string): Promise<void> | undefined {
    if (text === '') return undefined;
    this.#open();
    this.#sse.write(text);
    return (this.#draining ??= this.#sse.drained()?.finally(() => (this.#draining = undefined)));
  }

  end(text: string): void {
    this.#open();
    this.#sse.end(text);
  }

  /** Ends with the text of an error; throws it when nothing was written yet. */
  fail(thrown: unknown, text: (error: FlotillaError) => string): void {
    if (!this.exchange.response.headersSent) throw thrown;
    const error = thrown instanceof FlotillaError ? thrown : toFlotillaError(thrown);
    this.exchange.code = error.code;
    this.#sse.end(text(error));
  }

  #open(): void {
    const { exchange, edge } = this;
    if (!exchange.response.headersSent) this.#sse.open([...commonHeaders(exchange, edge.clock), ...this.headers()]);
  }
}
