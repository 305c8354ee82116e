import { FlotillaError, type Clock, type Random } from '@flotilla/kernel';
import { Redis } from 'ioredis';
import type { Decision, Dimension, LimitStore, Reservation, Settlement } from './limit-store.ts';
import { limitScript } from './redis-script.ts';

type RedisWithScript = Redis & { flotillaLimit(...keysAndArguments: (string | number)[]): Promise<unknown> };

export interface RedisLimitStoreOptions {
  url: string;
  clock: Clock;
  random: Random;
  /** Milliseconds one command may take. */
  commandTimeoutMs: number;
  /** Milliseconds a reservation, and then the mark that it was settled, are remembered. */
  reservationTtlMs: number;
  onConnection?(state: 'connected' | 'lost', cause?: Error): void;
}

const dimensions: readonly (Dimension | undefined)[] = [undefined, 'requests_per_minute', 'tokens_per_minute'];

/** Milliseconds `start` waits for the first connection before it goes on without. */
const FIRST_CONNECTION_MS = 1_000;
/** Milliseconds between attempts to reconnect at most. */
const MAX_PAUSE_MS = 1_000;

/** Buckets in Redis 7 or later, counted together by every limiter that shares it. */
export class RedisLimitStore implements LimitStore {
  private readonly redis: RedisWithScript;
  private readonly ttl: number;
  private readonly clock: Clock;

  constructor(options: RedisLimitStoreOptions) {
    this.ttl = options.reservationTtlMs;
    this.clock = options.clock;
    let attempts = 0;
    this.redis = new Redis(options.url, {
      lazyConnect: true,
      // Nothing waits for a Redis that is away: see Firecrawl #3728 for what queues and retries make of an outage.
      enableOfflineQueue: false,
      autoResendUnfulfilledCommands: false,
      maxRetriesPerRequest: 0,
      commandTimeout: options.commandTimeoutMs,
      connectTimeout: 2_000,
      enableAutoPipelining: true,
      scripts: { flotillaLimit: { lua: limitScript, numberOfKeys: 2 } },
      retryStrategy: () => {
        attempts += 1;
        return Math.min(MAX_PAUSE_MS, 25 * 2 ** Math.min(attempts, 6)) * (0.5 + options.random.next() / 2);
      },
    }) as RedisWithScript;
    let lastError: Error | undefined;
    this.redis.on('ready', () => {
      attempts = 0;
      lastError = undefined;
      options.onConnection?.('connected');
    });
    // Without a listener ioredis prints every failed attempt.
    this.redis.on('error', (error: Error) => {
      lastError = error;
    });
    this.redis.on('close', () => options.onConnection?.('lost', lastError));
  }

  async reserve({ keyId, requestId, limits, promptTokens, outputTokens }: Reservation): Promise<Decision> {
    const reply = (await this.run(
      keyId,
      requestId,
      'reserve',
      limits.requestsPerMinute,
      limits.tokensPerMinute,
      this.ttl,
      promptTokens,
      outputTokens,
      limits.defaultMaxTokens,
    )) as number[];
    return {
      allowed: reply[0] === 1,
      grantedOutputTokens: reply[1]!,
      refusedBy: dimensions[reply[2]!],
      retryAfterMs: reply[3]!,
      requests: { remaining: reply[4]!, resetMs: reply[5]! },
      tokens: { remaining: reply[6]!, resetMs: reply[7]! },
    };
  }

  async settle({ keyId, requestId, limits, tokens, ageMs }: Settlement): Promise<boolean> {
    const { requestsPerMinute, tokensPerMinute } = limits;
    const reply = await this.run(
      keyId,
      requestId,
      'settle',
      requestsPerMinute,
      tokensPerMinute,
      this.ttl,
      tokens,
      Math.floor(ageMs),
    );
    return reply === 1;
  }

  async start(): Promise<void> {
    await new Promise<void>((resolve) => {
      const patience = this.clock.after(FIRST_CONNECTION_MS, resolve);
      const go = () => {
        patience.cancel();
        resolve();
      };
      this.redis.connect().then(go, go);
    });
  }

  ready(): boolean {
    return this.redis.status === 'ready';
  }

  async close(): Promise<void> {
    this.redis.disconnect();
  }

  private async run(keyId: string, requestId: string, ...rest: (string | number)[]): Promise<unknown> {
    if (this.redis.status !== 'ready') throw new FlotillaError('unavailable', 'The limit store is not reachable.');
    try {
      return await this.redis.flotillaLimit(
        `flotilla:{${keyId}}:bucket`,
        `flotilla:{${keyId}}:r:${requestId}`,
        ...rest,
      );
    } catch (cause) {
      throw new FlotillaError('unavailable', 'The limit store did not answer.', { cause });
    }
  }
}
