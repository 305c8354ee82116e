import { FlotillaError, type Clock } from '@flotilla/kernel';
import { logger } from '@flotilla/telemetry';
import type { Ledger, LedgerSubject, PeriodUsage } from './ledger/ledger.ts';
import type {
  Decision,
  LeaseGrant,
  LeaseOrder,
  LeaseReturn,
  LimitStore,
  Reservation,
  Seeds,
  Settlement,
  Subject,
  Unseeded,
} from './limit-store.ts';
import { decided, decisionSeconds, leased, returned, seeded, settled } from './limiter.metrics.ts';

/** Where counters of periods begin that the store does not have. */
export type PeriodSeed = Pick<Ledger, 'used'>;

export interface LimiterOptions {
  store: LimitStore;
  clock: Clock;
  /** Absent: they begin at nothing. */
  seed?: PeriodSeed | undefined;
}

const log = logger('rate-limiter');
const unused: PeriodUsage = { dayRequests: 0, weekTokens: 0, monthTokens: 0, monthCostMicros: 0 };

/** Decides who may ask how much. */
export class Limiter {
  private readonly options: LimiterOptions;

  constructor(options: LimiterOptions) {
    this.options = options;
  }

  async reserve(reservation: Reservation): Promise<Decision> {
    // Nobody counts: there is nothing to decide, nor to remember.
    if (reservation.subjects.length === 0) return unlimited(reservation);
    const { store, clock } = this.options;
    const started = clock.monotonic();
    try {
      const decision = await this.seeding(reservation, (order) => store.reserve(order));
      decided(decision.refusedBy);
      return decision;
    } catch (error) {
      decided('failed');
      throw error;
    } finally {
      decisionSeconds.record((clock.monotonic() - started) / 1_000);
    }
  }

  /** `at`: when the tokens were used, ms since 1970; absent: now. False: settled before. */
  async settle(settlement: Omit<Settlement, 'ageMs'>, at?: number): Promise<boolean> {
    const { store, clock } = this.options;
    const ageMs = at === undefined ? 0 : Math.max(0, Math.floor(clock.now() - at));
    const first = await store.settle({ ...settlement, ageMs });
    settled(first);
    return first;
  }

  async lease(order: LeaseOrder): Promise<LeaseGrant> {
    const grant = await this.seeding(order, (seeds) => this.options.store.lease(seeds));
    leased(grant.requests > 0);
    return grant;
  }

  async returnLease(back: LeaseReturn): Promise<boolean> {
    const first = await this.options.store.returnLease(back);
    returned(first);
    return first;
  }

  /** Asks, and when the store does not know what was used in a period, asks again with what the ledger says. */
  private async seeding<Order extends { orgId: string; subjects: readonly Subject[] }, Answer>(
    order: Order,
    ask: (order: Order & { seeds?: Seeds }) => Promise<Answer | Unseeded>,
  ): Promise<Answer> {
    const first = await ask(order);
    if (!isUnseeded(first)) return first;
    const second = await ask({ ...order, seeds: await this.seeds(order.orgId, order.subjects) });
    if (isUnseeded(second)) throw new FlotillaError('internal', 'The limit store did not take its seeds.');
    return second;
  }

  /** Better to count from nothing than to refuse everyone: a failure is counted and logged. */
  private async seeds(orgId: string, subjects: readonly Subject[]): Promise<Seeds> {
    const { seed } = this.options;
    if (!seed) return subjects.map(() => unused);
    const known = subjects.filter(isLedgerSubject);
    try {
      const used = await seed.used(orgId, known);
      seeded('loaded');
      return subjects.map((subject) => whole(used[known.indexOf(subject as (typeof known)[number])] ?? unused));
    } catch (cause) {
      seeded('failed');
      log.error('the ledger did not answer: periods count from nothing', { orgId, cause });
      return subjects.map(() => unused);
    }
  }
}

function isUnseeded(answer: unknown): answer is Unseeded {
  return (answer as Unseeded).kind === 'unseeded';
}

function isLedgerSubject(subject: Subject): subject is Subject & LedgerSubject {
  return subject.kind === 'key' || subject.kind === 'user' || subject.kind === 'org';
}

/** Stores count whole numbers. */
function whole({ dayRequests, weekTokens, monthTokens, monthCostMicros }: PeriodUsage): PeriodUsage {
  return { dayRequests, weekTokens, monthTokens, monthCostMicros: Math.ceil(monthCostMicros) };
}

function unlimited({ outputTokens, defaultOutputTokens }: Reservation): Decision {
  return {
    kind: 'decided',
    allowed: true,
    grantedOutputTokens: outputTokens || defaultOutputTokens,
    refusedBy: undefined,
    retryAfterMs: 0,
    states: [],
  };
}
