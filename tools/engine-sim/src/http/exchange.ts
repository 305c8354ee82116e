import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Fault } from '../faults.ts';

/** An error in vLLM's shape. */
export class ApiError extends Error {
  readonly status: number;
  readonly type: string;
  readonly param: string | null;

  constructor(status: number, type: string, message: string, param: string | null = null) {
    super(message);
    this.status = status;
    this.type = type;
    this.param = param;
  }
}

export const badRequest = (message: string, param: string | null = null) =>
  new ApiError(400, 'BadRequestError', message, param);

/** Bodies above this are refused: 32 MiB. */
const maxBodyBytes = 32 * 1024 * 1024;

/** One request and its answer. */
export class Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly path: string;
  readonly query: URLSearchParams;
  fault: Fault | undefined;

  constructor(request: IncomingMessage, response: ServerResponse) {
    this.request = request;
    this.response = response;
    const url = request.url ?? '/';
    const mark = url.indexOf('?');
    this.path = mark < 0 ? url : url.slice(0, mark);
    this.query = new URLSearchParams(mark < 0 ? '' : url.slice(mark + 1));
  }

  json(status: number, value: unknown): void {
    this.send(status, JSON.stringify(value));
  }

  /** Sends JSON text. As a string it leaves in one write with the headers; a buffer would take a second one. */
  send(status: number, body: string): void {
    this.response.writeHead(status, {
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(body),
    });
    this.response.end(body);
  }

  fail(error: ApiError): void {
    if (this.response.headersSent) return void this.response.destroy();
    const { status, type, message, param } = error;
    this.json(status, { error: { message, type, param, code: status } });
  }

  /** Calls back when the client is gone before its answer is complete. */
  onLeave(listener: () => void): void {
    this.response.on('close', () => {
      if (!this.response.writableFinished) listener();
    });
  }

  /** The body as text. Throws ApiError when it is too large. */
  text(): Promise<string> {
    return new Promise((resolve, reject) => {
      const parts: Buffer[] = [];
      let bytes = 0;
      this.request.on('data', (part: Buffer) => {
        bytes += part.length;
        if (bytes <= maxBodyBytes) parts.push(part);
        else reject(new ApiError(413, 'BadRequestError', 'The body is too large.'));
      });
      this.request.on('end', () => resolve(Buffer.concat(parts).toString('utf8')));
      this.request.on('error', reject);
    });
  }
}

/** Parses a body. Throws ApiError when it is no JSON object. */
export function parseBody(text: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = text === '' ? {} : JSON.parse(text);
  } catch (error) {
    throw badRequest(`The body is not valid JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw badRequest('The body must be a JSON object.');
  return value as Record<string, unknown>;
}
