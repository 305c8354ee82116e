import type { Exchange } from '../http/exchange.ts';
import { openAiErrors } from '../http/error-shape.ts';
import { FlotillaError } from '@flotilla/kernel';
import type { FastifyRequest } from 'fastify';
import { once } from 'node:events';
import type { IncomingHttpHeaders } from 'node:http';
import type { Peer } from './peer.ts';
import { trailHeaders, type Trail } from './trail.ts';

export interface Forwarded {
  readonly request: FastifyRequest;
  readonly exchange: Exchange;
  /** As it came. */
  readonly body: Buffer;
  readonly trail: Trail;
  /** Our own region. */
  readonly region: string;
  /** Milliseconds the whole answer may stay silent. */
  readonly timeoutMs: number;
}

/** Those of one connection, or written anew by us. The origin stays here: who may read the answer is decided here. */
const notSent = new Set([
  ...['connection', 'keep-alive', 'proxy-authenticate', 'proxy-authorization', 'te', 'trailer', 'transfer-encoding'],
  ...['upgrade', 'host', 'expect', 'origin', 'content-length', 'x-request-id'],
  ...['x-forwarded-for', 'x-forwarded-host', 'x-forwarded-proto', 'forwarded', 'x-flotilla-hops', 'x-flotilla-via'],
]);
const notAnswered = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/** With these the peer says that it cannot; somebody else may. 401: it does not know the key, which we do. */
const elsewhere = new Set([401, 404, 502, 503, 504]);

/** What became of it: `served` by the peer, whole or not, or `refused` before the first byte, so that somebody else may serve it. */
export type Outcome =
  { kind: 'served'; how: 'served' | 'broken off' | 'left' } | { kind: 'refused'; problem: string; peerIsDown: boolean };

/** Sends the request to the peer, and its answer to the client, byte for byte as it comes. Never throws. */
export async function forward(peer: Peer, forwarded: Forwarded): Promise<Outcome> {
  const { request, exchange, body, timeoutMs } = forwarded;
  let answer;
  try {
    answer = await peer.pool.request({
      ...{ method: 'POST', path: peer.basePath + request.url, headers: requestHeaders(forwarded), body },
      ...{ signal: exchange.signal, headersTimeout: timeoutMs, bodyTimeout: timeoutMs },
    });
  } catch (error) {
    if (exchange.signal.aborted) return { kind: 'served', how: 'left' };
    return { kind: 'refused', problem: error instanceof Error ? error.message : String(error), peerIsDown: true };
  }
  const { statusCode, headers } = answer;
  if (elsewhere.has(statusCode)) {
    await answer.body.dump().catch(() => undefined);
    return { kind: 'refused', problem: `it answered ${statusCode}`, peerIsDown: false };
  }
  const { response } = exchange;
  response.writeHead(statusCode, answerHeaders(headers, exchange));
  response.flushHeaders();
  const events = String(headers['content-type'] ?? '').startsWith('text/event-stream');
  return { kind: 'served', how: await relay(answer.body, forwarded, events) };
}

async function relay(body: AsyncIterable<Buffer>, { exchange }: Forwarded, events: boolean) {
  const { response, signal } = exchange;
  let end = '\n\n';
  try {
    for await (const part of body) {
      end = (end + part.subarray(-2).toString('latin1')).slice(-2);
      if (!response.write(part)) await once(response, 'drain', { signal });
    }
    response.end();
    return 'served';
  } catch {
    if (response.destroyed) return 'left';
    // Between two events one more can tell of it. In the middle of one, or of a JSON, only the cut is honest.
    if (events && end === '\n\n') response.end(brokenOff(exchange));
    else response.destroy();
    return 'broken off';
  }
}

function brokenOff(exchange: Exchange): string {
  const error = new FlotillaError('unavailable', 'The region that served this request broke off. Try again.');
  exchange.code = error.code;
  const name = exchange.errors === openAiErrors ? '' : 'event: error\n';
  return `${name}data: ${JSON.stringify(exchange.errors.body(error, exchange.publicId))}\n\n`;
}

function requestHeaders({ request, exchange, trail, region, body }: Forwarded): Record<string, string> {
  return {
    ...pass(request.headers, notSent),
    ...trailHeaders(trail, region),
    'x-request-id': exchange.publicId,
    'x-forwarded-for': exchange.client,
    'content-length': String(body.length),
  };
}

function answerHeaders(headers: IncomingHttpHeaders, { headers: ours }: Exchange): string[] {
  const flat: string[] = [];
  for (const [name, value] of Object.entries(headers)) {
    if (value === undefined || notAnswered.has(name) || name.startsWith('access-control-')) continue;
    for (const one of [value].flat()) flat.push(name, one);
  }
  // The region in the answer is the one that served it.
  for (let at = 0; at < ours.length; at += 2) {
    if (ours[at] !== 'x-flotilla-region') flat.push(ours[at]!, ours[at + 1]!);
  }
  return flat;
}

function pass(headers: IncomingHttpHeaders, without: ReadonlySet<string>): Record<string, string> {
  const passed: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined && !without.has(name)) passed[name] = Array.isArray(value) ? value.join(', ') : value;
  }
  return passed;
}
