import { ServerResponse, type IncomingMessage, type OutgoingHttpHeader, type OutgoingHttpHeaders } from 'node:http';
import type { Recording } from './recording.ts';

type Headers = OutgoingHttpHeaders | OutgoingHttpHeader[];
type Done = (error?: Error | null) => void;

/**
 * Node's response without a connection: what is written to it goes into a recording. It is how an answer can be had by
 * several requests while every surface writes it as ever.
 */
export class RecordedResponse extends ServerResponse {
  constructor(
    request: IncomingMessage,
    private readonly recording: Recording,
  ) {
    super(request);
    // TypeScript has them as fields, so they cannot be overridden as the accessors that they are.
    Object.defineProperties(this, {
      writableNeedDrain: { get: () => !this.destroyed && recording.full },
      writableFinished: { get: () => this.finished },
    });
    recording.onDrain = () => this.emit('drain');
  }

  override writeHead(status: number, second?: string | Headers, third?: Headers): this {
    const headers = typeof second === 'string' ? third : second;
    super.writeHead(status, headers);
    const flat = Array.isArray(headers) ? headers : Object.entries(headers ?? {}).flat();
    this.recording.begin({ status, headers: flat.map(String) });
    return this;
  }

  override flushHeaders(): void {
    if (!this.headersSent) this.writeHead(this.statusCode);
  }

  override write(chunk: string | Uint8Array, second?: BufferEncoding | Done, third?: Done): boolean {
    if (this.destroyed || this.finished) return false;
    this.flushHeaders();
    this.recording.write(typeof chunk === 'string' ? Buffer.from(chunk, encodingOf(second)) : chunk);
    (typeof second === 'function' ? second : third)?.(null);
    return !this.writableNeedDrain;
  }

  override end(
    chunk?: string | Uint8Array | (() => void),
    second?: BufferEncoding | (() => void),
    third?: () => void,
  ): this {
    if (this.destroyed || this.finished) return this;
    this.flushHeaders();
    if (chunk !== undefined && typeof chunk !== 'function') this.write(chunk, encodingOf(second));
    this.finished = true;
    this.recording.finish('whole');
    for (const callback of [chunk, second, third]) if (typeof callback === 'function') callback();
    this.emit('finish');
    this.emit('close');
    return this;
  }

  override destroy(error?: Error): this {
    if (this.destroyed || this.finished) return this;
    super.destroy(error);
    this.recording.finish('cut');
    this.emit('close');
    return this;
  }
}

function encodingOf(given: BufferEncoding | Done | (() => void) | undefined): BufferEncoding {
  return typeof given === 'string' ? given : 'utf8';
}
