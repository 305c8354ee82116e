/** Milliseconds of the window that limits per minute are stated for. */
export const WINDOW_MS = 60_000;

/** Lows kept per bucket; above it the two nearest are merged into the lower one, which can only lessen a refund. */
export const MAX_LOWS = 16;

/**
 * A leaky bucket. The level is what is taken and has not leaked yet, in unit-milliseconds: one unit is WINDOW_MS of them and a limit
 * of n per window leaks n of them per millisecond. So all arithmetic is on whole numbers (exact in a double up to 2^53: limits
 * up to 2^32 fit), and the Lua script of Redis computes the very same.
 *
 * `lows` answers one question: how low was the level since a given charge? Taking a charge back as if it had never been made
 * lowers today's level by exactly min(charge, lowest level since): what leaked of it meanwhile would otherwise have leaked from
 * nothing. Refunding more than that lets a key use more than its limit. It is the monotone stack of sliding-window minima:
 * pairs (sequence, level), both increasing.
 */
export interface Bucket {
  level: number;
  /** The limit last used, units per window; 0: no limit, nothing is counted. */
  rate: number;
  lows: number[];
}

export function leak(bucket: Bucket, elapsedMs: number): void {
  bucket.level = Math.max(0, bucket.level - elapsedMs * bucket.rate);
}

/** What was used stays used; a limit that was lifted counts anew when it comes back. */
export function setRate(bucket: Bucket, rate: number, sequence: number): void {
  if (rate === 0 && bucket.rate !== 0) {
    bucket.level = 0;
    bucket.lows = [sequence, 0];
  }
  bucket.rate = rate;
}

/** `amount` in unit-milliseconds, as the change with this number. */
export function add(bucket: Bucket, amount: number, sequence: number): void {
  if (bucket.rate === 0 || amount <= 0) return;
  noteLow(bucket, sequence);
  bucket.level += amount;
}

/** Makes a charge undone since `sequence`: today's level and every low since then fall by the same amount. */
export function takeBack(bucket: Bucket, surplus: number, sequence: number): void {
  const { lows } = bucket;
  let first = 0;
  while (first < lows.length && lows[first]! <= sequence) first += 2;
  const lowest = first < lows.length ? Math.min(bucket.level, lows[first + 1]!) : bucket.level;
  const refund = Math.min(surplus, lowest);
  bucket.level -= refund;
  for (let i = first; i < lows.length; i += 2) lows[i + 1]! -= refund;
  // Earlier lows that are no longer below the first of the later ones say nothing any more.
  let keep = first;
  while (first < lows.length && keep > 0 && lows[keep - 1]! >= lows[first + 1]!) keep -= 2;
  lows.splice(keep, first - keep);
}

/** Whole units that still fit. */
export function room({ level, rate }: Bucket): number {
  return Math.max(0, Math.floor((rate * WINDOW_MS - level) / WINDOW_MS));
}

/** Milliseconds until `amount` units fit. */
export function wait({ level, rate }: Bucket, amount: number): number {
  return Math.max(0, Math.ceil((level + amount * WINDOW_MS - rate * WINDOW_MS) / rate));
}

/** Milliseconds until it has leaked away. */
export function drainMs({ level, rate }: Bucket): number {
  return rate === 0 ? 0 : Math.ceil(level / rate);
}

function noteLow({ lows, level }: Bucket, sequence: number): void {
  while (lows.length > 0 && lows[lows.length - 1]! >= level) lows.length -= 2;
  lows.push(sequence, level);
  if (lows.length <= 2 * MAX_LOWS) return;
  let nearest = 2;
  for (let i = 4; i < lows.length; i += 2) {
    if (lows[i + 1]! - lows[i - 1]! < lows[nearest + 1]! - lows[nearest - 1]!) nearest = i;
  }
  lows[nearest - 2] = lows[nearest]!;
  lows.splice(nearest, 2);
}
