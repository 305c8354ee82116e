import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { advance, charge, emptyAccount, replace, take, type Account } from './account.ts';
import { MAX_LOWS, room, setRate, wait, WINDOW_MS } from './bucket.ts';
import { windowsOf } from './calendar.ts';

const REQUESTS_PER_MINUTE = 600;
const TOKENS_PER_MINUTE = 1_000;
const START = 1_700_000_000_000;

interface Charge {
  at: number;
  requests: number;
  tokens: number;
  reserved: { requests: number; tokens: number };
  sequence: number;
}

/** What a level is when exactly these charges were made, computed from the whole history. */
function levelOf(charges: readonly Charge[], now: number, what: 'requests' | 'tokens', rate: number): number {
  let level = 0;
  let last = charges[0]?.at ?? now;
  for (const each of charges) {
    level = Math.max(0, level - (each.at - last) * rate) + each[what] * WINDOW_MS;
    last = each.at;
  }
  return Math.max(0, level - (now - last) * rate);
}

type Step =
  | { kind: 'pass'; ms: number }
  | { kind: 'take'; requests: number; tokens: number }
  | { kind: 'replace'; which: number; share: number };

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ kind: fc.constant('pass' as const), ms: fc.integer({ min: 0, max: 20_000 }) }),
  fc.record({
    kind: fc.constant('take' as const),
    requests: fc.integer({ min: 1, max: 50 }),
    tokens: fc.integer({ min: 2, max: 1_000 }),
  }),
  fc.record({ kind: fc.constant('replace' as const), which: fc.nat(), share: fc.integer({ min: 0, max: 100 }) }),
);

function openAccount(now: number): Account {
  const account = emptyAccount(now);
  setRate(account.requests, REQUESTS_PER_MINUTE, account.sequence);
  setRate(account.tokens, TOKENS_PER_MINUTE, account.sequence);
  return account;
}

/** Plays steps on an account, taking only what fits, and calls back after each with what the history says was charged. */
function play(steps: readonly Step[], after: (account: Account, charges: Charge[], now: number) => void) {
  let now = START;
  const account = openAccount(now);
  const charges: Charge[] = [];
  const open: Charge[] = [];
  for (const each of steps) {
    if (each.kind === 'pass') {
      now += each.ms;
    } else if (each.kind === 'take') {
      const { requests, tokens } = each;
      if (room(account.requests) >= requests && room(account.tokens) >= tokens) {
        take(account, { requests, tokens, costMicros: 0 });
        const made = { at: now, requests, tokens, reserved: { requests, tokens }, sequence: account.sequence };
        charges.push(made);
        open.push(made);
      }
    } else if (open.length > 0) {
      const [settled] = open.splice(each.which % open.length, 1);
      const { reserved } = settled!;
      settled!.requests = Math.floor((reserved.requests * each.share) / 100);
      settled!.tokens = Math.floor((reserved.tokens * each.share) / 100);
      const used = { requests: settled!.requests, tokens: settled!.tokens, costMicros: 0 };
      replace(account, { ...reserved, costMicros: 0 }, used, settled!, windowsOf(now));
    }
    advance(account, now, windowsOf(now));
    after(account, charges, now);
  }
}

describe('a bucket', () => {
  it('holds, after anything was taken and settled, exactly what was used: as if the surplus had never been taken', () => {
    fc.assert(
      // As many changes as lows are kept.
      fc.property(fc.array(step, { maxLength: MAX_LOWS }), (steps) => {
        play(steps, (account, charges, now) => {
          expect(account.requests.level).toBe(levelOf(charges, now, 'requests', REQUESTS_PER_MINUTE));
          expect(account.tokens.level).toBe(levelOf(charges, now, 'tokens', TOKENS_PER_MINUTE));
        });
      }),
      { numRuns: 3_000 },
    );
  });

  it('never lets more than the limit and its refill be used in any span of time', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        let all: Charge[] = [];
        play(steps, (_account, charges) => (all = charges));
        for (let from = 0; from < all.length; from += 1) {
          let used = 0;
          for (let to = from; to < all.length; to += 1) {
            used += all[to]!.tokens;
            const refill = ((all[to]!.at - all[from]!.at) * TOKENS_PER_MINUTE) / WINDOW_MS;
            expect(used).toBeLessThanOrEqual(TOKENS_PER_MINUTE + refill);
          }
        }
      }),
      { numRuns: 2_000 },
    );
  });

  it('keeps a bounded history and then returns less rather than more', () => {
    const account = openAccount(START);
    setRate(account.tokens, 1_000_000, account.sequence);
    const sequences: number[] = [];
    for (let i = 0; i < 500; i += 1) {
      take(account, { requests: 0, tokens: 200, costMicros: 0 });
      sequences.push(account.sequence);
      expect(account.tokens.lows.length).toBeLessThanOrEqual(2 * MAX_LOWS);
    }
    let used = 500 * 200;
    for (const sequence of sequences) {
      const [promised, actual] = [200, 150].map((tokens) => ({ requests: 0, tokens, costMicros: 0 }));
      replace(account, promised!, actual!, { at: START, sequence }, windowsOf(START));
      used -= 50;
      expect(account.tokens.level).toBeGreaterThanOrEqual(used * WINDOW_MS);
    }
    // What a merged history withholds is small.
    expect(account.tokens.level).toBeLessThan(used * 1.1 * WINDOW_MS);
  });

  it('says how long until an amount fits, to the millisecond', () => {
    const tokens = fc.integer({ min: 1, max: TOKENS_PER_MINUTE });
    fc.assert(
      fc.property(tokens, tokens, (first, second) => {
        const account = openAccount(START);
        take(account, { requests: 0, tokens: first, costMicros: 0 });
        const ms = wait(account.tokens, second);
        if (ms === 0) return expect(room(account.tokens)).toBeGreaterThanOrEqual(second);
        advance(account, START + ms - 1, windowsOf(START));
        expect(room(account.tokens)).toBeLessThan(second);
        advance(account, START + ms, windowsOf(START));
        expect(room(account.tokens)).toBeGreaterThanOrEqual(second);
      }),
    );
  });

  it('charges what nobody reserved less what has leaked since', () => {
    const account = openAccount(START);
    charge(account, { requests: 1, tokens: 500, costMicros: 0 }, 6_000, windowsOf(START));
    expect(room(account.tokens)).toBe(TOKENS_PER_MINUTE - 400);
    expect(account.requests.level).toBe(0);
  });
});
