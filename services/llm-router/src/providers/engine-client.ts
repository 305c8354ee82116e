import { Pool } from 'undici';
import type { router } from '@flotilla/contracts';
import type { RouterConfig } from '../config.ts';
import type { Endpoint } from '../endpoints/endpoint.ts';
import type { Watchdog } from '../generation/watchdog.ts';
import { Exchange, type EngineCall, type Receiver } from './exchange.ts';
import type { Target } from './target.ts';

interface Connection {
  readonly pool: Pool;
  readonly pathname: string;
}

/** Milliseconds an idle connection is kept: less than uvicorn's 5 s, after which vLLM closes it. */
const keepAliveMs = 4_000;

/** The one place that makes addresses and connections. It takes targets only; see Target. */
export class EngineClient {
  readonly #config: RouterConfig;
  readonly #watchdog: Watchdog;
  /** By base URL; as many as there are endpoints. */
  readonly #connections = new Map<string, Connection>();

  constructor(config: RouterConfig, watchdog: Watchdog) {
    this.#config = config;
    this.#watchdog = watchdog;
  }

  /** Asks the target's engine. Throws what the request cannot be made into; the receiver may be told of a failure before this returns. */
  generate(target: Target, request: router.GenerateRequest, headers: string[], receiver: Receiver): EngineCall {
    const body = target.adapter.generateBody(target.model, request);
    return this.#post(target, target.adapter.generatePath, body, headers, receiver);
  }

  embed(target: Target, inputs: readonly string[], headers: string[], receiver: Receiver): EngineCall {
    const body = target.adapter.embedBody(target.model, inputs);
    return this.#post(target, target.adapter.embedPath, body, headers, receiver);
  }

  /** Closes the connections to endpoints that are gone, when what runs on them has ended. */
  keep(endpoints: readonly Endpoint[]): void {
    const urls = new Set(endpoints.map((endpoint) => endpoint.facts.baseUrl));
    for (const [url, { pool }] of this.#connections) {
      if (urls.has(url)) continue;
      this.#connections.delete(url);
      void pool.close().catch(() => undefined);
    }
  }

  async close(): Promise<void> {
    const pools = [...this.#connections.values()];
    this.#connections.clear();
    await Promise.all(pools.map(({ pool }) => pool.destroy().catch(() => undefined)));
  }

  #post(target: Target, path: string, body: string, headers: string[], receiver: Receiver): EngineCall {
    const { adapter, endpoint } = target;
    const exchange = new Exchange(target, receiver, this.#watchdog);
    const { pool, pathname } = this.#connect(endpoint.facts.baseUrl);
    pool.dispatch(
      // Limits of time are the watchdog's.
      { path: adapter.basePath(pathname) + path, method: 'POST', headers, body, headersTimeout: 0, bodyTimeout: 0 },
      exchange,
    );
    return exchange;
  }

  #connect(baseUrl: string): Connection {
    let connection = this.#connections.get(baseUrl);
    if (!connection) {
      const { origin, pathname } = new URL(baseUrl);
      const pool = new Pool(origin, {
        connections: this.#config.maxInFlightPerEndpoint,
        pipelining: 1,
        keepAliveTimeout: keepAliveMs,
        connect: { timeout: this.#config.connectTimeoutMs },
        allowH2: false,
      });
      connection = { pool, pathname: pathname.replace(/\/+$/, '') };
      this.#connections.set(baseUrl, connection);
    }
    return connection;
  }
}
