import { Pool } from 'undici';
import type { router } from '@flotilla/contracts';
import { FlotillaError } from '@flotilla/kernel';
import type { RouterConfig } from '../config.ts';
import type { Endpoint } from '../endpoints/endpoint.ts';
import type { Watchdog } from './watchdog.ts';
import { Exchange, type Asked, type EngineCall, type Receiver, type Wire } from './exchange.ts';
import { EngineFailure } from './provider.ts';
import type { Target } from './target.ts';

interface Connection {
  readonly pool: Pool;
  readonly pathname: string;
}

/** Milliseconds an idle connection is kept: less than uvicorn's 5 s, after which vLLM closes it. */
const keepAliveMs = 4_000;
/** Different limits of connecting to one address, of as many providers, whose connections are kept. */
const maxPoolsPerAddress = 8;

/** The one place that makes addresses and connections. It takes targets only; see Target. */
export class EngineClient {
  readonly #config: RouterConfig;
  readonly #watchdog: Watchdog;
  /** By base URL (as many as there are endpoints), then by the limit of connecting. */
  readonly #connections = new Map<string, Map<number, Connection>>();
  /** Calls whose callers left and that tell the engine so; each ends by its own limit of time. */
  #parting = 0;
  #parted: (() => void)[] = [];

  constructor(config: RouterConfig, watchdog: Watchdog) {
    this.#config = config;
    this.#watchdog = watchdog;
  }

  /** Asks the target's engine. Throws what the request cannot be made into; the receiver may be told of a failure before this returns. */
  generate(target: Target, request: router.GenerateRequest, headers: string[], receiver: Receiver): EngineCall {
    const { adapter, model, account } = target;
    const body = adapter.generateBody(model, target.asked(request), account);
    if (!adapter.converse) return this.#send(target, 'POST', adapter.generatePath, body, headers, receiver);
    const asked = { path: adapter.generatePath, body, stream: request.stream };
    return this.#converse(target, asked, headers, receiver);
  }

  embed(target: Target, inputs: readonly string[], headers: string[], receiver: Receiver): EngineCall {
    const { adapter, model } = target;
    let body: string;
    try {
      body = adapter.embedBody(model, inputs);
    } catch (error) {
      if (!(error instanceof FlotillaError)) throw error;
      // What this engine cannot do another may.
      receiver.fail(new EngineFailure(error, { failover: error.code === 'capability_mismatch' }));
      return nothing;
    }
    if (!adapter.converse) return this.#send(target, 'POST', adapter.embedPath, body, headers, receiver);
    return this.#converse(target, { path: adapter.embedPath, body, stream: false }, headers, receiver);
  }

  /** Asks what the target's provider offers. Its adapter has a list. */
  list(target: Target, receiver: Receiver): EngineCall {
    return this.#send(target, 'GET', target.adapter.list!.path, undefined, target.headers(''), receiver);
  }

  /** Closes the connections to endpoints that are gone, when what runs on them has ended. */
  keep(endpoints: readonly Endpoint[]): void {
    const urls = new Set(endpoints.map((endpoint) => endpoint.facts.baseUrl));
    for (const [url, connections] of this.#connections) {
      if (urls.has(url)) continue;
      this.#connections.delete(url);
      for (const { pool } of connections.values()) void pool.close().catch(() => undefined);
    }
  }

  async close(): Promise<void> {
    if (this.#parting > 0) await new Promise<void>((resolve) => this.#parted.push(resolve));
    const connections = [...this.#connections.values()].flatMap((pools) => [...pools.values()]);
    this.#connections.clear();
    await Promise.all(connections.map(({ pool }) => pool.destroy().catch(() => undefined)));
  }

  #converse(target: Target, asked: Asked, headers: string[], receiver: Receiver): EngineCall {
    const wire: Wire = {
      send: (method, path, body, reader) => this.#send(target, method, path, body, headers, reader),
      watch: (watched) => this.#watchdog.add(watched),
      unwatch: (watched) => this.#watchdog.remove(watched),
      parting: () => this.#part(),
      redact: (text) => target.redact(text),
    };
    return target.adapter.converse!(wire, asked, target.account, receiver);
  }

  #part(): () => void {
    this.#parting += 1;
    let over = false;
    return () => {
      if (over) return;
      over = true;
      this.#parting -= 1;
      if (this.#parting === 0) for (const resolve of this.#parted.splice(0)) resolve();
    };
  }

  #send(
    target: Target,
    method: 'GET' | 'POST',
    path: string,
    body: string | undefined,
    headers: string[],
    receiver: Receiver,
  ): EngineCall {
    const { adapter, endpoint, limits } = target;
    const exchange = new Exchange(target, receiver, this.#watchdog);
    const { pool, pathname } = this.#connect(endpoint.facts.baseUrl, limits.connectTimeoutMs);
    pool.dispatch(
      // Limits of time are the watchdog's.
      {
        path: adapter.basePath(pathname) + path,
        method,
        headers,
        body: body ?? null,
        headersTimeout: 0,
        bodyTimeout: 0,
      },
      exchange,
    );
    return exchange;
  }

  #connect(baseUrl: string, connectTimeoutMs: number): Connection {
    let connections = this.#connections.get(baseUrl);
    if (!connections) this.#connections.set(baseUrl, (connections = new Map<number, Connection>()));
    let connection = connections.get(connectTimeoutMs);
    if (!connection) {
      const { origin, pathname } = new URL(baseUrl);
      const pool = new Pool(origin, {
        connections: this.#config.maxInFlightPerEndpoint,
        pipelining: 1,
        keepAliveTimeout: keepAliveMs,
        connect: { timeout: connectTimeoutMs },
        allowH2: false,
      });
      connection = { pool, pathname: pathname.replace(/\/+$/, '') };
      connections.set(connectTimeoutMs, connection);
      this.#bound(connections);
    }
    return connection;
  }

  /** The limit may be changed again and again: the oldest goes. */
  #bound(connections: Map<number, Connection>): void {
    if (connections.size <= maxPoolsPerAddress) return;
    const [oldest, { pool }] = connections.entries().next().value!;
    connections.delete(oldest);
    void pool.close().catch(() => undefined);
  }
}

/** Nothing was asked. */
const nothing: EngineCall = {
  abort: () => undefined,
  release: () => undefined,
  pause: () => undefined,
  resume: () => undefined,
};
