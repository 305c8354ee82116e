import type { Random } from '@flotilla/kernel';
import type { FastifyRequest } from 'fastify';
import type { Exchange } from '../http/exchange.ts';
import { KeyedRequests, type KeyedRequestsOptions } from './keyed-requests.ts';
import { MemoryBudget } from './memory-budget.ts';
import { audienceOf, digestOf, idempotencyKeyOf } from './request-key.ts';
import { coalesced } from './shared-counts.ts';
import { SharedRun, type Work } from './shared-run.ts';

export interface SharedAnswersOptions extends KeyedRequestsOptions {
  random: Random;
  stallTimeoutMs: number;
  idempotencyLingerMs: number;
  sharedAnswerBytes: number;
  sharedRunBytes: number;
}

const coalesceHeader = 'x-flotilla-coalesce';

/** Answers that several requests share: repeated ones by their Idempotency-Key, identical ones in flight by their own wish. */
export class SharedAnswers {
  readonly #keyed: KeyedRequests;
  /** By audience and digest. Bounded by the chats under way. */
  readonly #flights = new Map<string, SharedRun>();

  readonly #budget: MemoryBudget;

  constructor(private readonly options: SharedAnswersOptions) {
    this.#budget = new MemoryBudget(options.sharedRunBytes);
    this.#keyed = new KeyedRequests(options);
  }

  start(): void {
    this.#keyed.start();
  }

  /** Ends every run and gives back what was claimed. */
  async close(): Promise<void> {
    for (const run of this.#flights.values()) run.abort();
    await this.#keyed.close();
  }

  /** Whether a request asks for any of this; all others go their own way at the cost of two look-ups. */
  wants({ method, headers, routeOptions }: FastifyRequest): boolean {
    if (headers['idempotency-key'] === undefined && headers[coalesceHeader] !== '1') return false;
    const { open, scope } = routeOptions.config;
    return method === 'POST' && !open && (scope ?? 'inference') === 'inference';
  }

  /**
   * Answers a request from what another one got or gets, or by `work`. `fail` writes an error as an answer. Throws
   * `invalid_request`, `idempotency_key_reused`, `conflict` while the first one takes too long elsewhere, and what `work` throws before it
   * answered.
   */
  serve(
    request: FastifyRequest,
    exchange: Exchange,
    work: Work,
    fail: (exchange: Exchange, error: unknown) => void,
  ): Promise<void> {
    const key = idempotencyKeyOf(request);
    const { clock, random, stallTimeoutMs: stallMs, sharedAnswerBytes: limit, idempotencyLingerMs } = this.options;
    const lingerMs = key === undefined ? 0 : idempotencyLingerMs;
    const run = { clock, random, stallMs, lingerMs, limit, budget: this.#budget };
    const begin = () => new SharedRun(request, exchange, work, fail, run);
    const digest = digestOf(request);
    return key === undefined
      ? this.#coalesce(digest, exchange, begin)
      : this.#keyed.serve(key, digest, exchange, begin);
  }

  #coalesce(digest: string, exchange: Exchange, begin: () => SharedRun): Promise<void> {
    const id = `${audienceOf(exchange.identity)}\n${digest}`;
    const flying = this.#flights.get(id);
    if (flying?.joinable) {
      coalesced.add(1);
      return flying.join(exchange, [coalesceHeader, '1'], true);
    }
    const run = begin();
    this.#flights.set(id, run);
    void run.done.then(() => {
      if (this.#flights.get(id) === run) this.#flights.delete(id);
    });
    return run.join(exchange, [], false);
  }
}
