import { expect, it } from '@jest/globals';
import { systemClock } from '@flotilla/kernel';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { reservation, subject } from './limits.fixture.ts';
import { MemoryLimitStore } from './store.memory.ts';

// The exact figure, of a million keys, is measured by `make bench`.
it('keeps a hundred thousand keys in few bytes each', async () => {
  const KEYS = 100_000;
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const held = () => {
    collect();
    const { heapUsed, arrayBuffers } = process.memoryUsage();
    return heapUsed + arrayBuffers;
  };
  const before = held();
  const store = new MemoryLimitStore({ clock: systemClock, reservationTtlMs: 900_000, maxReservations: 100 });
  for (let i = 0; i < KEYS; i += 1) {
    const key = subject(`key:key_${i.toString().padStart(24, '0')}`, {
      requests_per_minute: 60,
      tokens_per_minute: 9_000,
    });
    await store.reserve(reservation(`r${i}`, [key]));
  }
  expect((held() - before) / KEYS).toBeLessThan(400);
  expect(store.size.accounts).toBe(KEYS);
});
