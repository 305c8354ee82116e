// Bytes that one key takes when there are a million, in a process that holds nothing else: node --expose-gc memory.js <of>.
import { systemClock } from '@flotilla/kernel';
import { MemoryLimitStore } from '@flotilla/rate-limiter';
import { RateLimiterMemory } from 'rate-limiter-flexible';

const KEYS = 1_000_000;
const perMinute = { requests_per_minute: 6_000, tokens_per_minute: 1_000_000, concurrent_requests: 0 };
const perPeriod = { requests_per_day: 0, tokens_per_week: 0, tokens_per_month: 1e9, budget_micros_per_month: 0 };
const limits = { ...perMinute, ...perPeriod };
const unused = { dayRequests: 0, weekTokens: 0, monthTokens: 0, monthCostMicros: 0 };

/** 40 characters with the organisation and the kind, as the platform's own are. */
const keyOf = (index: number) => `key_${index.toString(36).padStart(22, '0')}`;

async function fillFlotilla(): Promise<unknown> {
  // Reservations are remembered beside the keys and bounded by themselves.
  const store = new MemoryLimitStore({ clock: systemClock, reservationTtlMs: 900_000, maxReservations: 1_000 });
  for (let index = 0; index < KEYS; index += 1) {
    await store.reserve({
      ...{
        orgId: `org_${index % 10_000}`,
        requestId: `r${index}`,
        promptTokens: 10,
        outputTokens: 90,
        tokensOnly: false,
      },
      ...{ defaultOutputTokens: 1, price: { input: 0, output: 0 }, holdMs: 1_000, seeds: [unused] },
      subjects: [{ kind: 'key', id: keyOf(index), limits }],
    });
  }
  return store;
}

async function fillFlexible(): Promise<unknown> {
  const limiter = new RateLimiterMemory({ points: 6_000, duration: 3_600 });
  for (let index = 0; index < KEYS; index += 1) await limiter.consume(keyOf(index), 1);
  return limiter;
}

function held(): number {
  globalThis.gc!();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

const before = held();
const kept = process.argv[2] === 'flexible' ? await fillFlexible() : await fillFlotilla();
const bytes = Math.round((held() - before) / KEYS);
console.log(kept ? bytes : 0);
process.exit(0);
