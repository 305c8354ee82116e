import { randomBytes, randomFillSync } from 'node:crypto';

/** Randomness as a port, for the same reason as Clock. */
export interface Random {
  /** Uniform in [0, 1). */
  next(): number;
  /** A new id: the prefix, then 32 hexadecimal digits, e.g. `req_0192…`. */
  id(prefix: string): string;
}

const pool = Buffer.alloc(4_096);
const randomPart = 10;
let used = pool.length;

export const systemRandom: Random = {
  next: () => Math.random(),
  /** As UUID version 7: 48 bits of milliseconds, so that a database appends new ids to its index, then 80 random bits. */
  id(prefix) {
    if (used + randomPart > pool.length) {
      randomFillSync(pool);
      used = 0;
    }
    used += randomPart;
    return prefix + Date.now().toString(16).padStart(12, '0') + pool.toString('hex', used - randomPart, used);
  },
};

/** A secret of `bytes` random bytes in base64url, for keys that are shown once. */
export function newSecret(bytes = 32): string {
  return randomBytes(bytes).toString('base64url');
}
