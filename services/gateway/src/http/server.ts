import { FlotillaError } from '@flotilla/kernel';
import { counter, logger } from '@flotilla/telemetry';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Server, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { needScope } from '../access/authenticator.ts';
import type { Identity, Scope } from '../access/identity.ts';
import { signedDigest } from '../access/request-signing.ts';
import { checkSignedBody, refuseUncheckedBody } from '../access/signed-body.ts';
import { followRegions } from '../regions/region-hooks.ts';
import { errorShapeOf } from '../routes/error-shapes.ts';
import { registerRoutes } from '../routes/routes.ts';
import { ConnectionUse } from './connection-use.ts';
import { corsHeaders, preflightHeaders } from './cors.ts';
import type { Edge } from './edge.ts';
import { Exchange } from './exchange.ts';
import { rawAnswer } from './framework-errors.ts';
import { RequestLog } from './request-log.ts';
import { answerError } from './route.ts';
import { RouteTable } from './route-table.ts';
import { sendError, sendNothing } from './send.ts';
import { serverOptions } from './server-options.ts';

declare module 'fastify' {
  interface FastifyRequest {
    exchange: Exchange;
  }
  interface FastifyContextConfig {
    /** True: served without a key. */
    open?: boolean;
    /** What a credential must be allowed to; absent: `inference`. */
    scope?: Scope;
  }
}

const log = logger('gateway.http');

const dropped = counter({
  name: 'flotilla_gateway_connections_dropped_total',
  description: 'Connections closed as they came, because too many were open',
  unit: '{connection}',
});

/** Characters of one path parameter; ids of models can be long paths. */
const longestParameter = 512;

export interface Route {
  readonly method: string;
  /** As Fastify has it. */
  readonly url: string;
  /** What a credential must be allowed to; undefined: the route is open. */
  readonly scope: Scope | undefined;
}

/** Nest's Fastify adapter, whose errors are OpenAI's: Nest's own handlers for errors and unknown URLs are not installed. */
export class EdgeAdapter extends FastifyAdapter {
  /** Every route there is. */
  readonly routes: Route[] = [];

  override setErrorHandler(): never {
    return undefined as never;
  }
  override setNotFoundHandler(): never {
    return undefined as never;
  }
}

/** Builds the adapter with every route of the public API on its instance. */
export function createHttpAdapter(edge: Edge): EdgeAdapter {
  const { config } = edge;
  const begin = (request: FastifyRequest, reply: FastifyReply) => {
    if (request.exchange as Exchange | undefined) return request.exchange;
    request.exchange = new Exchange(
      reply.raw,
      request.headers['x-request-id'],
      edge.clock,
      edge.random,
      errorShapeOf(request.url),
    );
    request.exchange.client = edge.clients.of(request.raw);
    if (config.region !== undefined) request.exchange.headers.push('x-flotilla-region', config.region);
    return request.exchange;
  };
  const adapter = new EdgeAdapter({
    skipMiddie: true,
    multipart: false,
    logger: false,
    requestIdHeader: false,
    genReqId: () => '',
    ...serverOptions(config, edge.certificate),
    routerOptions: { maxParamLength: longestParameter },
    frameworkErrors: (error: Error, request: FastifyRequest, reply: FastifyReply) => {
      reply.hijack();
      answerError(edge, begin(request, reply), error);
    },
    clientErrorHandler: (error, socket) => refuseConnection(error.code, socket),
  });
  const app: FastifyInstance = adapter.getInstance();
  const server: Server = adapter.getHttpServer();
  server.maxConnections = config.maxConnections;
  server.on('drop', () => dropped.add(1));
  const requestLog = new RequestLog(config.accessLog);
  const table = new RouteTable();
  const connections = new ConnectionUse(config.maxRequestsPerConnection);

  app.decorateRequest('exchange');
  app.addHook('onRequest', (request, reply, done) => {
    const exchange = begin(request, reply);
    requestLog.began();
    edge.inFlight.begin();
    if (connections.last(request.raw.socket) || edge.ending()) exchange.headers.push('connection', 'close');
    reply.raw.once('close', () => {
      exchange.close();
      edge.inFlight.end();
      const status = reply.raw.writableFinished ? reply.raw.statusCode : 499;
      const route = request.routeOptions.url ?? '(unknown)';
      requestLog.ended(exchange, request.method, route, status, edge.clock.monotonic() - exchange.startedAt);
    });
    if (config.corsOrigins.length > 0 && answerCors(edge, request, reply)) return;
    if (request.is404) return answerNotFound(edge, table, request, reply);
    if (request.routeOptions.config.open) return done();
    authenticate(edge, request, done);
  });

  app.addHook('preValidation', ({ exchange, raw }, _reply, done) => {
    refuseUncheckedBody(exchange, raw);
    done();
  });
  app.addHook('onRoute', ({ method, url, config }) => {
    const scope = config?.open ? undefined : (config?.scope ?? 'inference');
    for (const name of [method].flat()) {
      if (name === 'HEAD') continue;
      table.add(name, url);
      adapter.routes.push({ method: name, url, scope });
    }
  });
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (request, body: Buffer, done) => {
    if (edge.regions) request.exchange.rawBody = body;
    parseJson(request, body, done);
  });
  app.setErrorHandler((error, request, reply) => {
    reply.hijack();
    answerError(edge, request.exchange, tooManyFailures(edge, request.exchange, error) ?? error);
  });
  // Never reached: the hook above answers before a body is read or looked at.
  app.setNotFoundHandler((request, reply) => answerNotFound(edge, table, request, reply));
  registerRoutes(app, edge);
  if (edge.regions) followRegions(app, edge, edge.regions);
  return adapter;
}

function answerNotFound({ clock }: Edge, table: RouteTable, request: FastifyRequest, reply: FastifyReply): void {
  reply.hijack();
  const { method, exchange } = request;
  const path = request.url.split('?', 1)[0]!;
  const shown = path.slice(0, 256);
  const methods = table.methods(path);
  if (methods.length === 0) {
    return sendError(exchange, clock, new FlotillaError('unknown_url', `Unknown request URL: ${method} ${shown}`));
  }
  const message = `${shown} takes ${methods.join(' and ')}, not ${method}.`;
  sendError(exchange, clock, new FlotillaError('method_not_allowed', message), ['allow', methods.join(', ')]);
}

/** A remembered key takes no turn of the event loop. */
function authenticate(edge: Edge, request: FastifyRequest, done: (error?: Error) => void): void {
  try {
    const identity = edge.access.identify(request.raw);
    if (!(identity instanceof Promise)) {
      admit(request, identity);
      return done();
    }
    identity.then((known) => admit(request, known)).then(() => done(), done);
  } catch (error) {
    done(error as Error);
  }
}

function admit({ exchange, headers, routeOptions }: FastifyRequest, identity: Identity): void {
  exchange.identity = identity;
  exchange.bodyDigest = signedDigest(headers);
  needScope(identity, routeOptions.config.scope ?? 'inference');
}

/** What a client is told instead of a failed authentication when its address had too many. */
function tooManyFailures({ failedKeys }: Edge, exchange: Exchange, error: unknown): FlotillaError | undefined {
  if (!(error instanceof FlotillaError) || error.code !== 'invalid_api_key') return undefined;
  const refusal = failedKeys.failed(exchange.client);
  if (refusal) exchange.headers.push(...refusal.headers);
  return refusal?.error;
}

/** Returns true when it was a preflight and is answered. */
function answerCors({ config, clock }: Edge, request: FastifyRequest, reply: FastifyReply): boolean {
  const { headers, exchange } = request;
  const allowed = corsHeaders(config.corsOrigins, headers.origin);
  exchange.headers.push(...allowed);
  const preflight = request.method === 'OPTIONS' && headers['access-control-request-method'] !== undefined;
  if (!preflight || !allowed.includes('access-control-allow-origin')) return false;
  reply.hijack();
  sendNothing(exchange, clock, preflightHeaders(headers['access-control-request-headers']));
  return true;
}

function parseJson(request: FastifyRequest, body: Buffer, done: (error: Error | null, value?: unknown) => void): void {
  let value: unknown;
  try {
    checkSignedBody(request.exchange, body);
  } catch (error) {
    return done(error as Error);
  }
  if (body.length === 0) return done(null, undefined);
  try {
    value = JSON.parse(body.toString());
  } catch {
    // The parser's own message quotes the body, which may be a prompt.
    return done(new FlotillaError('invalid_json'));
  }
  done(null, value);
}

/** What Node knows of a socket and its types do not say: the response under way on it. */
type Serving = Duplex & { readonly _httpMessage?: ServerResponse | null };

function refuseConnection(code: string | undefined, socket: Serving): void {
  log.debug('a connection was refused', { code });
  // Nothing can be said before the handshake is done, and waiting for it is what a slow client wants.
  if (/^ERR_(SSL|TLS)_/.test(code ?? '')) return void socket.destroy();
  // In the middle of an answer, a second head would be read as part of it.
  const answer = socket._httpMessage?.headersSent ? undefined : rawAnswer(code);
  if (answer && socket.writable) socket.end(answer);
  else socket.destroy();
}
