import { describe, expect, it } from '@jest/globals';
import { createFakeClock } from '@flotilla/testkit';
import { MemoryLimitStore } from './store.memory.ts';

const limits = { requestsPerMinute: 100, tokensPerMinute: 6_000, defaultMaxTokens: 100 };

function storeWith(maxReservations = 1_000) {
  const clock = createFakeClock();
  const store = new MemoryLimitStore({ clock, reservationTtlMs: 900_000, maxReservations });
  const reserve = (keyId: string, requestId: string) =>
    store.reserve({ keyId, requestId, limits, promptTokens: 500, outputTokens: 500 });
  const settle = (keyId: string, requestId: string, tokens: number) =>
    store.settle({ keyId, requestId, limits, tokens, ageMs: 0 });
  return { clock, store, reserve, settle };
}

describe('the memory limit store over time', () => {
  it('refills evenly', async () => {
    const { clock, reserve } = storeWith();
    for (let i = 0; i < 6; i += 1) expect((await reserve('k', `r${i}`)).allowed).toBe(true);
    expect(await reserve('k', 'r6')).toMatchObject({ allowed: false, retryAfterMs: 10_000 });
    clock.advance(9_999);
    expect((await reserve('k', 'r6')).allowed).toBe(false);
    clock.advance(1);
    expect((await reserve('k', 'r6')).allowed).toBe(true);
  });

  it('leaves an abandoned reservation charged, and charges a settlement that comes after it expired', async () => {
    const { clock, store, reserve, settle } = storeWith();
    await reserve('k', 'gone');
    clock.advance(900_001);
    expect((await reserve('k', 'other')).tokens.remaining).toBe(5_000);
    expect(store.size.reservations).toBe(1);
    expect(await settle('k', 'gone', 1_000)).toBe(true);
    expect((await reserve('k', 'third')).tokens.remaining).toBe(3_000);
  });

  it('gives nothing back of what has leaked since', async () => {
    const { clock, reserve, settle } = storeWith();
    await reserve('k', 'long');
    clock.advance(10_000);
    await reserve('k', 'next');
    await settle('k', 'long', 0);
    expect((await reserve('k', 'probe')).tokens.remaining).toBe(4_000);
  });

  it('remembers a settled request for as long again', async () => {
    const { clock, reserve, settle } = storeWith();
    await reserve('k', 'r');
    clock.advance(800_000);
    await settle('k', 'r', 1_000);
    clock.advance(800_000);
    expect(await settle('k', 'r', 1_000)).toBe(false);
  });

  it('forgets keys whose buckets are full again', async () => {
    const { clock, store, reserve } = storeWith(10);
    for (let i = 0; i < 5_000; i += 1) await reserve(`key_${i}`, 'r');
    expect(store.size.keys).toBe(5_000);
    clock.advance(60_000);
    for (let i = 0; i < 5_000; i += 1) await reserve('one', `r${i}`);
    expect(store.size.keys).toBeLessThanOrEqual(1);
  });

  it('remembers no more reservations than it may, and forgets the oldest first', async () => {
    const { store, reserve, settle } = storeWith(3);
    for (let i = 0; i < 5; i += 1) await reserve(`key_${i}`, 'r');
    expect(store.size.reservations).toBe(3);
    await settle('key_4', 'r', 0);
    expect((await reserve('key_4', 'probe')).tokens.remaining).toBe(5_000);
  });

  it('follows a limit that changes mid-window', async () => {
    const { store, reserve } = storeWith();
    await reserve('k', 'r1');
    const less = { ...limits, tokensPerMinute: 1_500 };
    const ask = (requestId: string, outputTokens: number) =>
      store.reserve({ keyId: 'k', requestId, limits: less, promptTokens: 1, outputTokens });
    expect(await ask('r2', 500)).toMatchObject({ allowed: false, tokens: { remaining: 500 } });
    expect(await ask('r3', 499)).toMatchObject({ allowed: true, tokens: { remaining: 0 } });
  });
});
