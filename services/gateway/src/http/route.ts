import { toFlotillaError } from '@flotilla/kernel';
import { recordsSpans, span, withRequestId, withTraceparent } from '@flotilla/telemetry';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { LimitReached } from '../admission/admission.ts';
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
    const work = () => withRequestId(exchange.id, () => run(request, exchange));
    const traced = () => (recordsSpans() ? inSpan(request, work) : work());
    try {
      const done = parent === undefined ? traced() : withTraceparent(parent, traced);
      done.catch((error: unknown) => answerError(edge, exchange, error));
    } catch (error) {
      // What `run` throws before its first await, where it is no async function.
      answerError(edge, exchange, error);
    }
  };
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

function inSpan(request: FastifyRequest, run: () => Promise<void>): Promise<void> {
  const route = request.routeOptions.url ?? '';
  const attributes = { 'http.request.method': request.method, 'http.route': route };
  return span(`${request.method} ${route}`, attributes, run, { kind: 'server' });
}
