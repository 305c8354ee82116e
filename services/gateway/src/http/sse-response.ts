import type { Clock } from '@flotilla/kernel';
import type { ServerResponse } from 'node:http';

/** Bytes (UTF-16 units) gathered in one turn of the event loop before they are written anyway. */
const mostPending = 64 * 1024;

/**
 * A stream of server-sent events on Node's response. What comes in one turn of the event loop leaves in one write.
 * Memory is bounded by the socket's own buffer and one turn's text: the writer awaits `drained()` before it reads on,
 * so a slow client slows the engine.
 */
export class SseResponse {
  #pending = '';
  readonly #flush = () => {
    const text = this.#pending;
    this.#pending = '';
    if (text === '' || this.response.destroyed) return;
    const { socket, chunkedEncoding } = this.response;
    if (!socket || !chunkedEncoding) return void this.response.write(text);
    // As `response.write` does, but in one string: its four buffers make a token a third dearer.
    socket.write(`${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`);
  };

  constructor(
    private readonly response: ServerResponse,
    private readonly clock: Clock,
    /** Milliseconds a client may leave what was written unread. */
    private readonly stallMs: number,
  ) {}

  /** Sends the headers, flat as names and values, at once. */
  open(headers: string[]): void {
    headers.push(
      'content-type',
      'text/event-stream; charset=utf-8',
      'cache-control',
      'no-cache',
      // Proxies of nginx's kind would hold the stream back.
      'x-accel-buffering',
      'no',
    );
    this.response.writeHead(200, headers);
    this.response.flushHeaders();
  }

  write(text: string): void {
    if (this.#pending === '') process.nextTick(this.#flush);
    this.#pending += text;
    if (this.#pending.length >= mostPending) this.#flush();
  }

  /** Undefined when more may be written now; else resolves when the client has read on, or is gone, or was dropped for not reading. */
  drained(): Promise<void> | undefined {
    const { response } = this;
    const target = response.socket ?? response;
    if (!target.writableNeedDrain || response.destroyed) return undefined;
    return new Promise((resolve) => {
      const stalled = this.clock.after(this.stallMs, () => response.destroy());
      const go = () => {
        stalled.cancel();
        target.off('drain', go);
        response.off('close', go);
        resolve();
      };
      target.on('drain', go);
      response.on('close', go);
    });
  }

  end(text: string): void {
    const last = this.#pending + text;
    this.#pending = '';
    if (!this.response.destroyed) this.response.end(last);
  }
}
