import { FlotillaError, type Clock, type Random } from '@flotilla/kernel';
import { Redis } from 'ioredis';
import {
  dimensions,
  type Decision,
  type LeaseGrant,
  type LeaseOrder,
  type LeaseReturn,
  type LimitState,
  type LimitStore,
  type Reservation,
  type Seeds,
  type Settlement,
  type Subject,
  type Unseeded,
} from './limit-store.ts';
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
  /** Another than the one there is, for tests that move its clock. */
  script?: string;
  onConnection?(state: 'connected' | 'lost', cause?: Error): void;
}

/** What the script answers: whole numbers, or 0 when it needs seeds. */
type Reply = number | number[];

/** Milliseconds `start` waits for the first connection before it goes on without. */
const FIRST_CONNECTION_MS = 1_000;
/** Milliseconds between attempts to reconnect at most. */
const MAX_PAUSE_MS = 1_000;

/** Accounts in Redis 7 or later, counted together by every limiter that shares it. */
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
      scripts: { flotillaLimit: { lua: options.script ?? limitScript, numberOfKeys: 1 } },
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

  async reserve(reservation: Reservation): Promise<Decision | Unseeded> {
    const { orgId, requestId, subjects, price, holdMs } = reservation;
    const reply = await this.run(orgId, 'reserve', `r:${requestId}`, [
      requestId,
      reservation.promptTokens,
      reservation.outputTokens,
      reservation.defaultOutputTokens,
      price.input,
      price.output,
      Math.min(holdMs > 0 ? holdMs : this.ttl, this.ttl),
      reservation.tokensOnly ? 1 : 0,
      ...partiesOf(subjects, reservation.seeds),
    ]);
    if (typeof reply === 'number') return { kind: 'unseeded' };
    const refused = reply[2]!;
    return {
      kind: 'decided',
      allowed: reply[0] === 1,
      grantedOutputTokens: reply[1]!,
      refusedBy:
        refused === 0
          ? undefined
          : { subject: subjects[Math.floor(refused / 8) - 1]!, dimension: dimensions[(refused % 8) - 1]! },
      retryAfterMs: reply[3]!,
      states: statesOf(reply, 4, subjects),
    };
  }

  async settle(settlement: Settlement): Promise<boolean> {
    const { orgId, requestId, subjects, tokens, costMicros, ageMs, lease } = settlement;
    const reply = await this.run(orgId, 'settle', `r:${requestId}`, [
      ...[requestId, tokens, costMicros, ageMs, lease?.id ?? '', lease?.reservedTokens ?? 0],
      ...subjects.map(nameOf),
    ]);
    return reply === 1;
  }

  async lease({
    orgId,
    leaseId,
    subjects,
    requests,
    tokens,
    ttlMs,
    seeds,
  }: LeaseOrder): Promise<LeaseGrant | Unseeded> {
    const wanted = [leaseId, requests, tokens, ttlMs, ...partiesOf(subjects, seeds)];
    const reply = await this.run(orgId, 'lease', `l:${leaseId}`, wanted);
    if (typeof reply === 'number') return { kind: 'unseeded' };
    return { kind: 'leased', requests: reply[0]!, tokens: reply[1]!, states: statesOf(reply, 2, subjects) };
  }

  async returnLease({ orgId, leaseId, requestsUsed, tokensPromised }: LeaseReturn): Promise<boolean> {
    return (await this.run(orgId, 'return', `l:${leaseId}`, [leaseId, requestsUsed, tokensPromised])) === 1;
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

  private async run(orgId: string, operation: string, key: string, rest: (string | number)[]): Promise<Reply> {
    if (this.redis.status !== 'ready') throw new FlotillaError('unavailable', 'The limit store is not reachable.');
    const prefix = `flotilla:{${orgId}}:`;
    try {
      return (await this.redis.flotillaLimit(prefix + key, operation, prefix, this.ttl, ...rest)) as Reply;
    } catch (cause) {
      throw new FlotillaError('unavailable', 'The limit store did not answer.', { cause });
    }
  }
}

function nameOf({ kind, id }: Pick<Subject, 'kind' | 'id'>): string {
  return `${kind}:${id}`;
}

/** Whether there are seeds, how many subjects, and each of them: the tail of `reserve` and `lease`. */
function partiesOf(subjects: readonly Subject[], seeds: Seeds | undefined): (string | number)[] {
  const all: (string | number)[] = [seeds ? 1 : 0, subjects.length];
  for (const [index, subject] of subjects.entries()) {
    all.push(nameOf(subject));
    const at = all.push(0) - 1;
    let has = 0;
    for (const [bit, dimension] of dimensions.entries()) {
      const limit = subject.limits[dimension];
      if (limit === 0) continue;
      has |= 1 << bit;
      all.push(limit);
    }
    all[at] = has;
    if (!seeds) continue;
    const { dayRequests, weekTokens, monthTokens, monthCostMicros } = seeds[index]!;
    all.push(dayRequests, weekTokens, monthTokens, monthCostMicros);
  }
  return all;
}

function statesOf(reply: readonly number[], from: number, subjects: readonly Subject[]): LimitState[] {
  let next = from;
  const states: LimitState[] = [];
  for (const subject of subjects) {
    for (const dimension of dimensions) {
      if (subject.limits[dimension] === 0) continue;
      states.push({ subject, dimension, remaining: reply[next]!, resetMs: reply[next + 1]! });
      next += 2;
    }
  }
  return states;
}
