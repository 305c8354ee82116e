import { sleep, systemClock, systemRandom, type Clock, type Random, type Timer } from '@flotilla/kernel';
import { gauge, logger } from '@flotilla/telemetry';
import { LeaseLock, type LeaseApi } from './lease-lock.ts';

export interface LeaderElectionOptions {
  api: LeaseApi;
  /** Of the Lease. */
  namespace: string;
  name: string;
  /** Of this process, and of no other that ever runs: a pod's name and something by chance. */
  identity: string;
  /**
   * Leads until the signal aborts, which is before another can. What it returns is waited for before the lease is given up or
   * tried for again. One that throws gives it up.
   */
  onLeading(signal: AbortSignal): void | Promise<void>;
  /** How long others leave the lease alone after it was last renewed. Milliseconds, as client-go: 15,000. */
  leaseMs?: number;
  /** How long the leader tries to renew until it stops leading: 10,000. */
  renewMs?: number;
  /** Between two tries: 2,000. */
  retryMs?: number;
  clock?: Clock;
  random?: Random;
}

export interface LeaderElection {
  /** Whether this process leads now. */
  readonly leading: boolean;
  /** Stands for election from now on. */
  start(): void;
  /** Ends leading, waits for what led, and gives the lease up, so that the next leads at once. */
  stop(): Promise<void>;
}

const log = logger('kubernetes');
const leader = gauge({
  name: 'flotilla_kubernetes_leader',
  description: 'Whether this process holds the lease: 1 or 0',
});

/** Spreads tries out, as client-go: each waits up to 2.2 times as long. */
const jitter = 1.2;

/** One leader among processes, by a Lease: client-go's rules. Two never lead at once as long as clocks run at about the same speed. */
export function createLeaderElection(options: LeaderElectionOptions): LeaderElection {
  return new Election(options);
}

class Election implements LeaderElection {
  readonly #options: Required<LeaderElectionOptions>;
  readonly #lock: LeaseLock;
  readonly #stopping = new AbortController();
  #running: Promise<void> | undefined;
  /** Until when it leads, by the monotonic clock. */
  #leadsUntil = Number.NEGATIVE_INFINITY;

  constructor(options: LeaderElectionOptions) {
    const times = { leaseMs: 15_000, renewMs: 10_000, retryMs: 2_000 };
    this.#options = { clock: systemClock, random: systemRandom, ...times, ...options };
    const { api, namespace, name, identity, leaseMs, renewMs, clock } = this.#options;
    if (renewMs >= leaseMs) throw new Error('renewMs has to be below leaseMs, or two could lead at once');
    this.#lock = new LeaseLock({ api, at: { namespace, name }, identity, leaseMs, clock });
  }

  get leading(): boolean {
    return this.#options.clock.monotonic() < this.#leadsUntil;
  }

  start(): void {
    // One that never led says so too: an alert on "none leads" has to find a series.
    leader.set(0, { lease: this.#options.name });
    this.#running ??= this.#run(this.#stopping.signal);
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
  }

  async #run(stopping: AbortSignal): Promise<void> {
    const { clock, random, retryMs } = this.#options;
    while (!stopping.aborted) {
      const from = clock.monotonic();
      const outcome = await this.#before(from, stopping, (signal) => this.#lock.hold(signal));
      if (outcome === 'held' && !stopping.aborted) await this.#lead(from, stopping);
      else if (outcome === 'held') await this.#release();
      await sleep(clock, retryMs * (1 + jitter * random.next()), stopping).catch(() => undefined);
    }
  }

  /** Leads from a lease that was taken by a call that began at `from`, until it is lost or given up. */
  async #lead(from: number, stopping: AbortSignal): Promise<void> {
    const { clock, renewMs, retryMs, leaseMs, name, identity, onLeading } = this.#options;
    const term = new AbortController();
    const { signal } = term;
    const end = () => {
      this.#leadsUntil = Number.NEGATIVE_INFINITY;
      leader.set(0, { lease: name });
      term.abort();
    };
    let renewedFrom = from;
    let timer = clock.after(from + renewMs - clock.monotonic(), end);
    stopping.addEventListener('abort', end, { once: true });
    this.#leadsUntil = from + renewMs;
    leader.set(1, { lease: name });
    log.info('leads', { lease: name, identity });
    const work = Promise.resolve()
      .then(() => signal.aborted || onLeading(signal))
      .catch((error: unknown) => {
        log.error('what leads failed: the lease is given up', { lease: name, error: String(error) });
        end();
      });
    while (!signal.aborted) {
      await sleep(clock, retryMs, signal).catch(() => undefined);
      if (signal.aborted) break;
      const began = clock.monotonic();
      const outcome = await this.#lock.hold(signal);
      if (signal.aborted) break;
      if (outcome === 'taken') end();
      if (outcome !== 'held') continue;
      renewedFrom = began;
      this.#leadsUntil = began + renewMs;
      timer.cancel();
      timer = clock.after(began + renewMs - clock.monotonic(), end);
    }
    timer.cancel();
    stopping.removeEventListener('abort', end);
    log.info('leads no more', { lease: name, identity });
    const over = await this.#over(work, stopping);
    if (over && clock.monotonic() < renewedFrom + leaseMs) await this.#release();
  }

  /** Waits for the work to end: who goes on has to, or it would lead twice. Who is to stop waits no longer than a lease lasts. */
  #over(work: Promise<unknown>, stopping: AbortSignal): Promise<boolean> {
    const { clock, leaseMs } = this.#options;
    return new Promise((resolve) => {
      let patience: Timer | undefined;
      const onStop = () => (patience = clock.after(leaseMs, () => resolve(false)));
      if (stopping.aborted) onStop();
      else stopping.addEventListener('abort', onStop, { once: true });
      void work.then(() => {
        patience?.cancel();
        stopping.removeEventListener('abort', onStop);
        resolve(true);
      });
    });
  }

  #release(): Promise<void> {
    const never = new AbortController().signal;
    return this.#before(this.#options.clock.monotonic(), never, (signal) => this.#lock.release(signal));
  }

  /** Runs a call that has to be over `renewMs` after `from`, or when it is stopped. */
  async #before<R>(from: number, stopping: AbortSignal, call: (signal: AbortSignal) => Promise<R>): Promise<R> {
    const { clock, renewMs } = this.#options;
    const over = new AbortController();
    const end = () => over.abort();
    const timer = clock.after(from + renewMs - clock.monotonic(), end);
    stopping.addEventListener('abort', end, { once: true });
    try {
      return await call(over.signal);
    } finally {
      timer.cancel();
      stopping.removeEventListener('abort', end);
    }
  }
}
