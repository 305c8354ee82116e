import { toFlotillaError } from '@flotilla/kernel';
import { recordsSpans, span, traceparent, withRequestId, withTraceparent, type Span } from '@flotilla/telemetry';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { LimitReached } from '../admission/limit-reached.ts';
import { rateHeaders } from '../admission/rate-headers.ts';
import type { Edge } from './edge.ts';
import type { Exchange } from './exchange.ts';
import { fromFramework } from './framework-errors.ts';
import { sendError, sendJson } from './send.ts';

/** Fastify's handler of a route that writes its own answer; what it throws becomes an error answer. */
export function handler<R extends FastifyRequest>(
  edge: Edge,
  run: (request: R, exchange: Exchange) => Promise<void>,
): (request: R, reply: FastifyReply) => void {
  return (request, reply) => {
    reply.hijack();
    const { exchange } = request;
    const parent = request.headers['traceparent'] as string | undefined;
    const answer = () => (edge.shared.wants(request) ? share(edge, request, run) : run(request, exchange));
    const work = () => withRequestId(exchange.id, answer);
    const traced = () => (recordsSpans() ? inSpan(edge, request, work) : work());
    try {
      const done = parent === undefined ? traced() : withTraceparent(parent, traced);
      done.catch((error: unknown) => answerError(edge, exchange, error));
    } catch (error) {
      // What `run` throws before its first await, where it is no async function.
      answerError(edge, exchange, error);
    }
  };
}

/** The answer may be another request's, by Idempotency-Key or because both clients wish so. */
function share<R extends FastifyRequest>(
  edge: Edge,
  request: R,
  run: (request: R, exchange: Exchange) => Promise<void>,
): Promise<void> {
  const work = async (exchange: Exchange) => run(request, exchange);
  return edge.shared.serve(request, request.exchange, work, (exchange, error) => answerError(edge, exchange, error));
}

/** Fastify's handler of a route that answers with one JSON object. */
export function jsonHandler<R extends FastifyRequest>(
  edge: Edge,
  run: (request: R, exchange: Exchange) => Promise<object>,
): (request: R, reply: FastifyReply) => void {
  return handler(edge, async (request: R, exchange) => {
    const body = await run(request, exchange);
    sendJson(exchange, edge.clock, 200, JSON.stringify(body));
  });
}

export function answerError({ clock }: Edge, exchange: Exchange, thrown: unknown): void {
  const error = toFlotillaError(fromFramework(thrown));
  sendError(exchange, clock, error, error instanceof LimitReached ? rateHeaders(error.limits) : []);
}

/** The server's span of a request. Only what is our fault marks it as failed, as OpenTelemetry's HTTP conventions have it. */
function inSpan(edge: Edge, request: FastifyRequest, run: () => Promise<void>): Promise<void> {
  const { exchange, method } = request;
  const route = request.routeOptions.url ?? '';
  const attributes = { 'http.request.method': method, 'http.route': route, 'flotilla.request_id': exchange.id };
  const traced = async (active: Span) => {
    exchange.traceparent = traceparent();
    let failure: unknown;
    try {
      await run();
    } catch (error) {
      failure = error;
      answerError(edge, exchange, error);
    }
    const { statusCode } = exchange.response;
    active.setAttribute('http.response.status_code', statusCode);
    if (failure !== undefined && statusCode >= 500) throw failure;
    if (exchange.code !== '') active.setAttribute('error.type', exchange.code);
  };
  return span(`${method} ${route}`, attributes, traced, { kind: 'server' });
}
