import { Pool } from 'undici';
import type { RouterConfig } from '../config.ts';
import type { Endpoint } from '../endpoints/endpoint.ts';
import type { Exchange } from './exchange.ts';

interface Connection {
  readonly pool: Pool;
  readonly pathname: string;
}

/** Milliseconds an idle connection is kept: less than uvicorn's 5 s, after which vLLM closes it. */
const keepAliveMs = 4_000;

/** The one place that makes addresses and connections. It takes exchanges with targets only; see Target. */
export class EngineClient {
  readonly #config: RouterConfig;
  /** By base URL; as many as there are endpoints. */
  readonly #connections = new Map<string, Connection>();

  constructor(config: RouterConfig) {
    this.#config = config;
  }

  /** Sends what the exchange's target is asked; it may fail, and tell so, before this returns. */
  generate(exchange: Exchange, body: string, headers: string[]): void {
    this.#post(exchange, exchange.target.adapter.generatePath, body, headers);
  }

  embed(exchange: Exchange, body: string, headers: string[]): void {
    this.#post(exchange, exchange.target.adapter.embedPath, body, headers);
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

  #post(exchange: Exchange, path: string, body: string, headers: string[]): void {
    const { adapter, endpoint } = exchange.target;
    const { pool, pathname } = this.#connect(endpoint.facts.baseUrl);
    pool.dispatch(
      // Limits of time are the watchdog's.
      { path: adapter.basePath(pathname) + path, method: 'POST', headers, body, headersTimeout: 0, bodyTimeout: 0 },
      exchange,
    );
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
