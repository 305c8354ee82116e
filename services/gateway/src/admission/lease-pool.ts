import type { limits } from '@flotilla/contracts';
import { toFlotillaError, type Clock, type Random, type Timer } from '@flotilla/kernel';
import type { Client } from '@flotilla/rpc';
import { gauge, logger } from '@flotilla/telemetry';
import type { Circuit } from './circuit.ts';
import { Demand } from './demand.ts';
import type { LeaseReturns } from './lease-returns.ts';

export interface LeaseOptions {
  limiter: Client<limits.LimitsDefinition>;
  circuit: Circuit;
  returns: LeaseReturns;
  clock: Clock;
  random: Random;
  /** Milliseconds a lease is used. */
  ttlMs: number;
  /** Requests of one lease at most. */
  mostRequests: number;
  /** Milliseconds the limiter may take. */
  timeoutMs: number;
}

/** What a request is admitted under. */
export interface Leased {
  readonly leaseId: string;
  readonly limits: readonly limits.LimitState[];
}

interface Lease {
  readonly id: string;
  readonly until: number;
  readonly takenAt: number;
  readonly states: readonly limits.LimitState[];
  readonly timer: Timer;
  readonly requests: number;
  readonly tokens: number;
  requestsLeft: number;
  tokensLeft: number;
}

/** The limiter holds a lease a little longer than it is used here, so that it is returned and not found expired. */
const graceMs = 500;
/** Milliseconds after a refusal until the limiter is asked for a lease again; meanwhile it decides each request. */
const refusedMs = 250;
/** Requests of a lease at least: the first is asked for when one request was seen. */
const fewestRequests = 4;

const log = logger('gateway.leases');
const open = gauge({
  name: 'flotilla_gateway_leases',
  description: 'Leases of the rate limiter held by this gateway',
  unit: '{lease}',
}).bind({});

/**
 * What one set of subjects may use, taken from the limiter in advance: at most two leases, the older used up first. The
 * next is asked for when half of the newest is used or its time is half over, as large as two seconds need.
 */
export class LeasePool {
  readonly #leases: Lease[] = [];
  readonly #demand = new Demand();
  #asking = false;
  #notBefore = -Infinity;
  #closed = false;

  /** `onEmpty`: it holds nothing and may be forgotten. */
  constructor(
    private readonly orgId: string,
    private readonly subjects: readonly limits.Subject[],
    private readonly options: LeaseOptions,
    private readonly onEmpty: () => void,
  ) {}

  /** Takes one request and its tokens from a lease in hand; undefined: the limiter has to decide. */
  take(tokens: number): Leased | undefined {
    const now = this.options.clock.monotonic();
    this.#demand.add(now, tokens);
    const lease = this.#fitting(now, tokens);
    if (lease) {
      lease.requestsLeft -= 1;
      lease.tokensLeft -= tokens;
    }
    const answer = lease && { leaseId: lease.id, limits: this.#states(now) };
    if (this.#low(now)) void this.#ask(now);
    return answer;
  }

  /** The request did not begin. */
  giveBack(leaseId: string, tokens: number): void {
    const lease = this.#leases.find(({ id }) => id === leaseId);
    if (!lease) return;
    lease.requestsLeft += 1;
    lease.tokensLeft += tokens;
  }

  /** Returns every lease; resolves when the limiter has them, or cannot be reached. */
  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all([...this.#leases].map((lease) => this.#return(lease)));
  }

  #fitting(now: number, tokens: number): Lease | undefined {
    const fits = ({ until, requestsLeft, tokensLeft }: Lease) =>
      now < until && requestsLeft >= 1 && tokensLeft >= tokens;
    const found = this.#leases.find(fits);
    // An older one that is too small by now is returned as soon as the newer one serves.
    const older = this.#leases[0];
    if (found && older && found !== older) void this.#return(older);
    return found;
  }

  #low(now: number): boolean {
    const newest = this.#leases.at(-1);
    if (!newest) return true;
    if (this.#leases.length > 1) return false;
    return (
      newest.requestsLeft * 2 < newest.requests ||
      newest.tokensLeft * 2 < newest.tokens ||
      (newest.until - now) * 2 < this.options.ttlMs
    );
  }

  async #ask(now: number): Promise<void> {
    const { limiter, circuit, random, timeoutMs, ttlMs } = this.options;
    if (this.#asking || this.#closed || now < this.#notBefore || !circuit.enter()) return;
    this.#asking = true;
    const id = random.id('lease_');
    const { orgId } = this;
    const request = { leaseId: id, orgId, subjects: [...this.subjects], ttlMs: ttlMs + graceMs, ...this.#wanted(now) };
    try {
      const answer = await limiter.lease(request, { timeoutMs });
      circuit.succeeded();
      if (answer.requests > 0) this.#hold(id, now, answer);
      else this.#pause();
    } catch (error) {
      circuit.failed();
      this.#pause();
      log.debug('the limiter gave no lease', { code: toFlotillaError(error).code });
      // It may have, and only its answer was lost.
      void this.options.returns.send({ leaseId: id, orgId, requestsUsed: 0, tokensPromised: 0 });
    } finally {
      this.#asking = false;
      this.#forgetIfEmpty();
    }
  }

  /** Two seconds of what is asked now. */
  #wanted(now: number): { requests: number; tokens: number } {
    const { requests, tokensEach } = this.#demand.rate(now);
    const wanted = Math.min(this.options.mostRequests, Math.max(fewestRequests, requests * 2));
    return { requests: wanted, tokens: Math.ceil(wanted * tokensEach) };
  }

  #hold(id: string, takenAt: number, { requests, tokens, limits }: limits.LeaseResponse): void {
    const { clock, ttlMs } = this.options;
    const until = takenAt + ttlMs;
    const lease: Lease = {
      ...{ id, until, takenAt, requests, tokens, requestsLeft: requests, tokensLeft: tokens, states: limits },
      timer: clock.after(Math.max(0, until - clock.monotonic()), () => void this.#return(lease)),
    };
    this.#leases.push(lease);
    open.add(1);
    if (this.#closed) void this.#return(lease);
  }

  async #return(lease: Lease): Promise<void> {
    const at = this.#leases.indexOf(lease);
    if (at < 0) return;
    this.#leases.splice(at, 1);
    lease.timer.cancel();
    open.add(-1);
    this.#forgetIfEmpty();
    await this.options.returns.send({
      ...{ leaseId: lease.id, orgId: this.orgId, requestsUsed: lease.requests - lease.requestsLeft },
      tokensPromised: lease.tokens - lease.tokensLeft,
    });
  }

  #pause(): void {
    const { clock } = this.options;
    this.#notBefore = clock.monotonic() + refusedMs;
    clock.after(refusedMs, () => this.#forgetIfEmpty());
  }

  #forgetIfEmpty(): void {
    const idle = this.#leases.length === 0 && !this.#asking;
    if (idle && this.options.clock.monotonic() >= this.#notBefore) this.onEmpty();
  }

  /** As the limiter said with the newest lease; what is left in hand was not used yet. */
  #states(now: number): limits.LimitState[] {
    const newest = this.#leases.at(-1)!;
    let requests = 0;
    let tokens = 0;
    for (const lease of this.#leases) {
      requests += lease.requestsLeft;
      tokens += lease.tokensLeft;
    }
    return newest.states.map((state) => {
      const inHand = state.name.startsWith('requests') ? requests : state.name.startsWith('tokens') ? tokens : 0;
      const remaining = Math.min(state.limit, state.remaining + inHand);
      return { ...state, remaining, resetMs: Math.max(0, state.resetMs - (now - newest.takenAt)) };
    });
  }
}
