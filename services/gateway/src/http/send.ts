import type { Clock, FlotillaError } from '@flotilla/kernel';
import { errorHeaders } from './error-shape.ts';
import type { Exchange } from './exchange.ts';

/** The headers every answer has, as a flat list. `openai-processing-ms` counts until the headers leave. */
export function commonHeaders(exchange: Exchange, clock: Clock): string[] {
  const headers = ['x-request-id', exchange.publicId, 'openai-processing-ms'];
  headers.push(String(Math.round(clock.monotonic() - exchange.startedAt)));
  for (const part of exchange.headers) headers.push(part);
  return headers;
}

/** Answers with JSON, straight to Node's response. `headers` are a flat list of names and values. */
export function sendJson(exchange: Exchange, clock: Clock, status: number, body: string, headers: string[] = []): void {
  const { response } = exchange;
  if (response.headersSent || response.destroyed) return;
  const all = commonHeaders(exchange, clock);
  all.push('content-type', 'application/json; charset=utf-8', 'content-length', String(Buffer.byteLength(body)));
  for (const part of headers) all.push(part);
  response.writeHead(status, all);
  response.end(body);
}

/** Answers with an error in the shape of the API that was asked. */
export function sendError(exchange: Exchange, clock: Clock, error: FlotillaError, headers: string[] = []): void {
  exchange.code = error.code;
  const { errors, publicId } = exchange;
  const body = JSON.stringify(errors.body(error, publicId));
  const own = errors.headers(error, publicId, clock.now());
  sendJson(exchange, clock, error.row.http, body, [...errorHeaders(error), ...own, ...headers]);
}

/** Answers with headers alone. */
export function sendNothing(exchange: Exchange, clock: Clock, headers: string[]): void {
  exchange.response.writeHead(204, [...commonHeaders(exchange, clock), ...headers]);
  exchange.response.end();
}

/** Answers with text of another type than JSON. */
export function sendText(exchange: Exchange, clock: Clock, type: string, body: string): void {
  const headers = commonHeaders(exchange, clock);
  headers.push('content-type', type, 'content-length', String(Buffer.byteLength(body)));
  exchange.response.writeHead(200, headers);
  exchange.response.end(body);
}
