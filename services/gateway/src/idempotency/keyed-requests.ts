import { FlotillaError, sleep, toFlotillaError, within, type Clock, type Timer } from '@flotilla/kernel';
import { counter, logger } from '@flotilla/telemetry';
import type { Exchange } from '../http/exchange.ts';
import { commonHeaders } from '../http/send.ts';
import { lastingHeaders, type Answer } from './answer.ts';
import { ReplayCache } from './replay-cache.ts';
import type { Held, ReplayStore, Slot } from './replay-store.ts';
import { nameOf } from './request-key.ts';
import { followed, replayed } from './shared-counts.ts';
import type { SharedRun } from './shared-run.ts';

export interface KeyedRequestsOptions {
  clock: Clock;
  /** Absent: this gateway is the only one. */
  store: ReplayStore | undefined;
  idempotencyTtlMs: number;
  idempotencyWaitMs: number;
  idempotencyStoreTimeoutMs: number;
  replayCacheBytes: number;
}

type Outcome =
  | { readonly kind: 'run'; readonly run: SharedRun; readonly notes: readonly string[] }
  | { readonly kind: 'answer'; readonly answer: Answer };

/** Milliseconds a claim holds unless its owner says that it is alive; it says so three times as often. */
export const leaseMs = 15_000;
const sweepMs = 600_000;
/** Milliseconds between two looks at a request that runs on another gateway, at first and at last. */
const pollMs = { first: 50, last: 500 };
/** Milliseconds between two log lines about a database that does not answer. */
const logEveryMs = 1_000;

const replayedNote = ['idempotent-replayed', 'true'];
/** On an answer whose key is known to one gateway only. */
const aloneNote = ['x-flotilla-idempotency', 'this-gateway'];

const log = logger('gateway.idempotency');
const alone = counter({
  name: 'flotilla_gateway_idempotency_alone_total',
  description: 'Requests whose Idempotency-Key this gateway alone honours, because the database did not answer',
  unit: '{request}',
});

/** Requests with an Idempotency-Key: one of them runs, the others get its answer. */
export class KeyedRequests {
  /** Under way here, by organisation and name. Bounded by the requests under way. */
  readonly #entries = new Map<string, { readonly digest: string; readonly outcome: Promise<Outcome> }>();
  readonly #runs = new Set<SharedRun>();
  readonly #finishing = new Set<Promise<void>>();
  readonly #cache: ReplayCache;
  readonly #timers: Timer[] = [];
  #nextLog = 0;

  constructor(private readonly options: KeyedRequestsOptions) {
    this.#cache = new ReplayCache(options.replayCacheBytes);
  }

  start(): void {
    const { clock, store } = this.options;
    if (!store) return;
    const renew = () => void (this.#entries.size > 0 && this.#try(store.renew()));
    this.#timers.push(
      clock.every(leaseMs / 3, renew),
      clock.every(sweepMs, () => void this.#try(store.sweep())),
    );
  }

  async close(): Promise<void> {
    for (const timer of this.#timers.splice(0)) timer.cancel();
    for (const run of this.#runs) run.abort();
    await Promise.all([...this.#runs].map(({ done }) => done));
    const { clock, idempotencyStoreTimeoutMs } = this.options;
    await this.#try(within(clock, idempotencyStoreTimeoutMs, Promise.all(this.#finishing)));
  }

  async serve(key: string, digest: string, exchange: Exchange, begin: () => SharedRun): Promise<void> {
    const { orgId } = exchange.identity;
    const slot: Slot = { orgId, name: nameOf(exchange.identity, key), digest };
    const id = `${orgId}/${slot.name}`;
    const known = this.#entries.get(id);
    if (known) {
      needSame(known.digest, slot);
      return this.#follow(await known.outcome, exchange);
    }
    const kept = this.#cache.get(id, this.options.clock.monotonic());
    if (kept) {
      needSame(kept.digest, slot);
      return this.#replay(kept.answer, exchange);
    }
    const outcome = this.#obtain(id, slot, begin);
    this.#entries.set(id, { digest, outcome });
    try {
      const obtained = await outcome;
      if (obtained.kind === 'run') return obtained.run.join(exchange, obtained.notes, false);
      this.#entries.delete(id);
      this.#replay(obtained.answer, exchange);
    } catch (error) {
      this.#entries.delete(id);
      throw error;
    }
  }

  #follow(outcome: Outcome, exchange: Exchange): Promise<void> | void {
    if (outcome.kind === 'answer') return this.#replay(outcome.answer, exchange);
    if (!outcome.run.joinable) throw stillRunning('it cannot be followed any more');
    followed.add(1);
    return outcome.run.join(exchange, [...replayedNote, ...outcome.notes], true);
  }

  #replay(answer: Answer, exchange: Exchange): void {
    const { response } = exchange;
    if (response.destroyed) return;
    replayed.add(1);
    const headers = commonHeaders(exchange, this.options.clock);
    response.writeHead(answer.status, [...headers, ...lastingHeaders(answer, true), ...replayedNote]);
    response.end(answer.body);
  }

  /** The answer that there is, or the run that makes it. Waits while another gateway has it. */
  async #obtain(id: string, slot: Slot, begin: () => SharedRun): Promise<Outcome> {
    const { clock, store, idempotencyWaitMs, idempotencyStoreTimeoutMs } = this.options;
    if (!store) return this.#run(id, slot, begin, Promise.resolve(), []);
    const giveUp = clock.monotonic() + idempotencyWaitMs;
    for (let pause = pollMs.first; ; pause = Math.min(pause * 2, pollMs.last)) {
      const claim = store.claim(slot);
      let held: Held;
      try {
        held = await within(clock, idempotencyStoreTimeoutMs, claim);
      } catch (error) {
        this.#noteAlone(error);
        return this.#run(id, slot, begin, claim, aloneNote);
      }
      if (held.state === 'claimed') return this.#run(id, slot, begin, claim, []);
      needSame(held.digest, slot);
      if (held.state === 'done') return { kind: 'answer', answer: held.answer };
      if (clock.monotonic() >= giveUp) throw stillRunning('it runs on another gateway');
      await sleep(clock, pause);
    }
  }

  #run(id: string, slot: Slot, begin: () => SharedRun, claim: Promise<unknown>, notes: readonly string[]): Outcome {
    const run = begin();
    this.#runs.add(run);
    void run.done.then((answer) => {
      const { clock, idempotencyTtlMs } = this.options;
      if (answer) this.#cache.set(id, { digest: slot.digest, answer }, clock.monotonic() + idempotencyTtlMs);
      this.#runs.delete(run);
      this.#entries.delete(id);
      const finishing = this.#finish(slot, claim, answer).finally(() => this.#finishing.delete(finishing));
      this.#finishing.add(finishing);
    });
    return { kind: 'run', run, notes };
  }

  /** A claim that came too late is ours all the same. */
  async #finish(slot: Slot, claim: Promise<unknown>, answer: Answer | undefined): Promise<void> {
    const { store } = this.options;
    if (!store) return;
    await this.#try(claim);
    await this.#try(store.finish(slot, answer));
  }

  #noteAlone(error: unknown): void {
    alone.add(1);
    const now = this.options.clock.monotonic();
    if (now < this.#nextLog) return;
    this.#nextLog = now + logEveryMs;
    const { code } = toFlotillaError(error);
    log.warn('the database did not answer: idempotency keys hold on this gateway alone', { code });
  }

  /** What is lost here expires by itself. */
  async #try(work: Promise<unknown>): Promise<void> {
    try {
      await work;
    } catch (error) {
      log.debug('idempotency keys could not be noted', { code: toFlotillaError(error).code });
    }
  }
}

function needSame(digest: string, slot: Slot): void {
  if (digest !== slot.digest) throw new FlotillaError('idempotency_key_reused');
}

function stillRunning(why: string): FlotillaError {
  const message = `The first request with this Idempotency-Key has not ended, and ${why}. Try again.`;
  return new FlotillaError('conflict', message, { details: { retryAfterMs: 1_000 } });
}
