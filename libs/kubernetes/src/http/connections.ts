import { abortable, type Clock } from '@flotilla/kernel';
import { Agent, ProxyAgent, type Dispatcher } from 'undici';
import { KubeError } from '../kube-error.ts';
import type { Credentials, KubeAccess, Tls } from './access.ts';

const limits = {
  connectMs: 5_000,
  headersMs: 10_000,
  /** Calls beside each other; more wait. */
  calls: 16,
  /** Watches beside each other. */
  watches: 256,
  /** Longer than any watch is asked to last. A quiet resource tells nothing for minutes: TCP's keep-alive finds dead peers sooner. */
  silenceMs: 330_000,
  /** Bytes of one answer. */
  answer: 256 * 1024 * 1024,
  /** How long credentials are taken as they were read, as client-go does. */
  credentialsMs: 60_000,
} as const;

interface Pools {
  /** What they were made with. */
  readonly madeOf: string;
  readonly calls: Dispatcher;
  readonly watches: Dispatcher;
}

/** Connections to one API, kept open and used again, made anew when the certificates change. */
export class Connections {
  readonly #access: KubeAccess;
  readonly #clock: Clock;
  #pools: Pools | undefined;
  #credentials: { readAt: number; value: Promise<Credentials> } | undefined;

  constructor(access: KubeAccess, clock: Clock) {
    this.#access = access;
    this.#clock = clock;
  }

  /** What to send, and over which connections. Watches have their own: they never keep a call waiting. */
  async open(
    use: 'calls' | 'watches',
    signal: AbortSignal,
  ): Promise<{ dispatcher: Dispatcher; headers: Credentials['headers'] }> {
    const now = this.#clock.monotonic();
    if (!this.#credentials || now - this.#credentials.readAt > limits.credentialsMs) {
      const value = this.#access.credentials().catch((cause: unknown) => {
        this.forgetCredentials();
        throw new KubeError('forbidden', "the credentials for the cluster's API cannot be read", { cause });
      });
      this.#credentials = { readAt: now, value };
    }
    const { headers, tls } = await abortable(this.#credentials.value, signal);
    return { headers, dispatcher: this.#poolsFor(tls)[use] };
  }

  /** The next call reads them again: after a refused login. */
  forgetCredentials(): void {
    this.#credentials = undefined;
  }

  async close(): Promise<void> {
    const pools = this.#pools;
    this.#pools = undefined;
    await Promise.all([pools?.calls.destroy(), pools?.watches.destroy()]);
  }

  #poolsFor(tls: Tls): Pools {
    const madeOf = JSON.stringify(tls);
    if (this.#pools?.madeOf === madeOf) return this.#pools;
    const before = this.#pools;
    // What runs on the old ones ends there: a watch within its ten minutes.
    void before?.calls.close();
    void before?.watches.close();
    this.#pools = {
      madeOf,
      calls: this.#pool(tls, {
        connections: limits.calls,
        bodyTimeout: limits.headersMs,
        maxResponseSize: limits.answer,
      }),
      watches: this.#pool(tls, { connections: limits.watches, bodyTimeout: limits.silenceMs }),
    };
    return this.#pools;
  }

  #pool(tls: Tls, options: Agent.Options): Dispatcher {
    const shared = {
      ...options,
      allowH2: false,
      pipelining: 1,
      headersTimeout: limits.headersMs,
      keepAliveTimeout: 60_000,
    };
    const connect = { ...tls, timeout: limits.connectMs, keepAlive: true, keepAliveInitialDelay: 15_000 };
    const { proxy } = this.#access;
    if (proxy === undefined) return new Agent({ ...shared, connect });
    return new ProxyAgent({ ...shared, uri: proxy, requestTls: connect });
  }
}
