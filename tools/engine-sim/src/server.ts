import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { systemClock, type Clock } from './clock.ts';
import { Engine } from './engine.ts';
import { parseFault } from './faults.ts';
import { ApiError, badRequest, Exchange, parseBody } from './http/exchange.ts';
import { optionsSchema, type SimOptions } from './options.ts';
import { routes, type Route } from './routes/table.ts';
import type { StatsView } from './stats.ts';

export interface EngineSim {
  /** `http://127.0.0.1:<port>`, without /v1. */
  readonly url: string;
  readonly port: number;
  readonly model: string;
  readonly embeddingModel: string;
  stats(): StatsView;
  /** Ends at once; with `graceMs`, after what is under way, at most so long. */
  stop(graceMs?: number): Promise<void>;
}

/** Starts an engine in this process. Resolves when it listens; rejects when it cannot. */
export async function startEngineSim(given: Partial<SimOptions> = {}, clock: Clock = systemClock): Promise<EngineSim> {
  const options = optionsSchema.parse(given);
  const engine = new Engine(options, clock);
  if (options.startupMs > 0) await new Promise<void>((resolve) => clock.after(options.startupMs, resolve));
  const server = createServer({ keepAliveTimeout: 75_000 }, (request, response) => {
    // Once it stops, a client that keeps its connection for later holds nothing up.
    response.once('finish', () => server.listening || setImmediate(() => server.closeIdleConnections()));
    void serve(engine, new Exchange(request, response));
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port, options.host, resolve);
  });
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://${options.host.includes(':') ? `[${options.host}]` : options.host}:${port}`,
    port,
    model: options.model,
    embeddingModel: options.embeddingModel,
    stats: () => engine.stats.view(engine.scheduler.load.waiting),
    stop: (graceMs = 0) => stop(engine, server, graceMs),
  };
}

async function serve(engine: Engine, exchange: Exchange): Promise<void> {
  try {
    const admin = exchange.path.startsWith('/sim/');
    const text = exchange.request.method === 'GET' ? '' : await exchange.text();
    const route = find(exchange);
    if (!admin && !(await passFaults(engine, exchange))) return;
    if (!admin) authorize(engine, exchange);
    route(engine, exchange, text === '' && exchange.request.method !== 'POST' ? {} : parseBody(text), text.length);
  } catch (error) {
    if (exchange.response.destroyed) return;
    exchange.fail(
      error instanceof ApiError
        ? error
        : new ApiError(500, 'InternalServerError', error instanceof Error ? error.message : String(error)),
    );
  }
}

function find(exchange: Exchange): Route {
  const { path } = exchange;
  const methods = Object.hasOwn(routes, path) ? routes[path] : undefined;
  if (!methods) throw new ApiError(404, 'NotFoundError', `There is no route ${path}.`);
  const route = methods[exchange.request.method ?? 'GET'];
  if (!route) throw new ApiError(405, 'MethodNotAllowedError', `${path} does not take ${exchange.request.method}.`);
  return route;
}

function authorize(engine: Engine, exchange: Exchange): void {
  const { apiKey } = engine.options;
  if (!apiKey || !exchange.path.startsWith('/v1/')) return;
  if (exchange.request.headers.authorization === `Bearer ${apiKey}`) return;
  throw new ApiError(401, 'AuthenticationError', 'Unauthorized');
}

/** Does to a request what its fault says. False: it is not to be answered. */
async function passFaults(engine: Engine, exchange: Exchange): Promise<boolean> {
  const { headers, method } = exchange.request;
  const header = headers['x-sim-fault'];
  const fault = typeof header === 'string' ? parseFault(header) : engine.faults.draw(method, exchange.path);
  if (!fault) {
    if (typeof header === 'string') throw badRequest(`x-sim-fault does not know "${header}".`);
    return true;
  }
  exchange.fault = fault;
  switch (fault.kind) {
    case 'error':
      engine.stats.failed += 1;
      throw new ApiError(500, 'InternalServerError', 'A simulated failure.');
    case 'dead':
      engine.stats.failed += 1;
      exchange.request.socket.destroy();
      return false;
    case 'hang':
      exchange.onLeave(() => (engine.stats.aborted += 1));
      return false;
    case 'slow':
      return wait(engine, exchange, fault.ms);
    case 'cut':
      return true;
  }
}

/** False: the client left first. */
function wait(engine: Engine, exchange: Exchange, ms: number): Promise<boolean> {
  return new Promise((resolve) => {
    let waiting = true;
    const timer = engine.clock.after(ms, () => {
      waiting = false;
      resolve(true);
    });
    exchange.onLeave(() => {
      if (!waiting) return;
      timer.cancel();
      engine.stats.aborted += 1;
      resolve(false);
    });
  });
}

async function stop(engine: Engine, server: Server, graceMs: number): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeIdleConnections();
  if (graceMs > 0) {
    let timer: { cancel(): void } | undefined;
    const grace = new Promise<void>((resolve) => (timer = engine.clock.after(graceMs, resolve)));
    await Promise.race([closed, grace]);
    timer?.cancel();
  }
  engine.scheduler.abortAll();
  server.closeAllConnections();
  await closed;
}
