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
    const body = Buffer.from(JSON.stringify(value));
    this.response.writeHead(status, { 'content-type': 'application/json', 'content-length': body.length });
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
  async text(): Promise<string> {
    const parts: Buffer[] = [];
    let bytes = 0;
    for await (const part of this.request as AsyncIterable<Buffer>) {
      bytes += part.length;
      if (bytes > maxBodyBytes) throw new ApiError(413, 'BadRequestError', 'The body is too large.');
      parts.push(part);
    }
    return Buffer.concat(parts).toString('utf8');
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
