import type { FastifyInstance, FastifyRequest } from 'fastify';
import { hash, timingSafeEqual } from 'node:crypto';
import type { Edge } from '../http/edge.ts';
import { sendJson } from '../http/send.ts';
import type { Regions } from './regions.ts';

/** Forwards inference to where it is served sooner, and tells peers how this region is. */
export function followRegions(app: FastifyInstance, edge: Edge, regions: Regions): void {
  app.addHook('preHandler', (request, reply, done) => {
    const { exchange } = request;
    const raw = exchange.rawBody;
    exchange.rawBody = undefined;
    const model = modelOf(request);
    if (raw === undefined || model === undefined) return done();
    const { peers, trail } = regions.plan(request, exchange, model);
    if (peers.length === 0) return done();
    regions.forward(peers, request, raw, trail).then(
      (served) => (served ? void reply.hijack() : done()),
      (error: Error) => done(error),
    );
  });
  const { regionSecret } = edge.config;
  app.get('/v1/region', { config: { open: true } }, (request, reply) => {
    reply.hijack();
    const status = regions.status(shows(request, regionSecret));
    sendJson(request.exchange, edge.clock, status.status === 'ready' ? 200 : 503, JSON.stringify(status));
  });
}

/** The model of a request that any region could run; undefined for everything else. */
function modelOf({ method, routeOptions, body }: FastifyRequest): string | undefined {
  const { open, scope = 'inference' } = routeOptions.config;
  if (method !== 'POST' || open || scope !== 'inference' || typeof body !== 'object' || body === null) return undefined;
  const { model, flotilla, conversation_id: conversation } = body as Record<string, unknown>;
  return typeof model === 'string' && conversation === undefined && !staysHome(flotilla) ? model : undefined;
}

/** Conversations and stores are kept in the region where they were made; elsewhere the answer would lack them unnoticed. */
function staysHome(extension: unknown): boolean {
  if (typeof extension !== 'object' || extension === null) return false;
  const { conversation_id: conversation, rag } = extension as Record<string, unknown>;
  return Boolean(conversation) || Boolean(rag);
}

function shows({ headers }: FastifyRequest, secret: string | undefined): boolean {
  if (secret === undefined || headers.authorization === undefined) return false;
  const digest = (text: string) => hash('sha256', text, 'buffer');
  return timingSafeEqual(digest(headers.authorization), digest(`Bearer ${secret}`));
}
