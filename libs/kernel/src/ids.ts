import { randomBytes, randomUUID } from 'node:crypto';

/** Randomness as a port, for the same reason as Clock. */
export interface Random {
  /** Uniform in [0, 1). */
  next(): number;
  /** A new id: the prefix, then 32 hexadecimal digits, e.g. `req_0192…`. */
  id(prefix: string): string;
}

export const systemRandom: Random = {
  next: () => Math.random(),
  id: (prefix) => prefix + randomUUID().replaceAll('-', ''),
};

/** A secret of `bytes` random bytes in base64url, for keys that are shown once. */
export function newSecret(bytes = 32): string {
  return randomBytes(bytes).toString('base64url');
}
