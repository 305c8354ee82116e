import type { Clock } from '@flotilla/kernel';
import { adjust, admission, charge, emptyBucket, firstSequence, fullAt, leak, take, type Bucket } from './bucket.ts';
import { BucketTable } from './bucket-table.ts';
import type { Decision, KeyLimits, LimitStore, Reservation, Settlement } from './limit-store.ts';

interface Remembered {
  readonly tokens: number;
  readonly grantedOutputTokens: number;
  readonly sequence: number;
  readonly settled: boolean;
  /** ms since 1970. */
  readonly expiresAt: number;
}

export interface MemoryLimitStoreOptions {
  clock: Clock;
  /** Milliseconds a reservation, and then the mark that it was settled, are remembered. */
  reservationTtlMs: number;
  /** Above it the oldest are forgotten and stay charged as reserved. */
  maxReservations: number;
}

/** Buckets in this process: for one replica, and for tests. Forgotten at a restart. */
export class MemoryLimitStore implements LimitStore {
  private readonly table = new BucketTable();
  /** In the order in which they expire: all live equally long, and settling one makes it the youngest. */
  private readonly remembered = new Map<string, Remembered>();
  private readonly scratch: Bucket = emptyBucket(0);
  private readonly options: MemoryLimitStoreOptions;

  constructor(options: MemoryLimitStoreOptions) {
    this.options = options;
  }

  /** How many keys and reservations are held now. */
  get size(): { keys: number; reservations: number } {
    return { keys: this.table.size, reservations: this.remembered.size };
  }

  async reserve({ keyId, requestId, limits, promptTokens, outputTokens }: Reservation): Promise<Decision> {
    const now = this.now();
    const bucket = this.open(keyId, limits, now);
    const name = nameOf(keyId, requestId);
    const first = this.remembered.get(name);
    if (first && first.expiresAt > now) return admission(bucket, limits, first.grantedOutputTokens);

    const decision = take(bucket, limits, promptTokens, outputTokens);
    if (!decision.allowed) return decision;
    this.table.save(keyId, bucket, fullAt(bucket, limits));
    this.remember(name, {
      tokens: promptTokens + decision.grantedOutputTokens,
      grantedOutputTokens: decision.grantedOutputTokens,
      sequence: bucket.sequence,
      settled: false,
      expiresAt: now + this.options.reservationTtlMs,
    });
    return decision;
  }

  async settle({ keyId, requestId, limits, tokens, ageMs }: Settlement): Promise<boolean> {
    const now = this.now();
    const name = nameOf(keyId, requestId);
    const found = this.remembered.get(name);
    const known = found && found.expiresAt > now ? found : undefined;
    if (known?.settled) return false;

    const bucket = this.open(keyId, limits, now);
    if (known) adjust(bucket, known.tokens, tokens, known.sequence);
    else charge(bucket, limits, tokens, ageMs);
    this.table.save(keyId, bucket, fullAt(bucket, limits));
    this.remember(name, {
      tokens,
      grantedOutputTokens: known?.grantedOutputTokens ?? 0,
      sequence: bucket.sequence,
      settled: true,
      expiresAt: now + this.options.reservationTtlMs,
    });
    return true;
  }

  async start(): Promise<void> {}

  ready(): boolean {
    return true;
  }

  async close(): Promise<void> {}

  /** Whole milliseconds: the arithmetic of the buckets is exact on those alone. */
  private now(): number {
    return Math.floor(this.options.clock.now());
  }

  private open(keyId: string, limits: KeyLimits, now: number): Bucket {
    this.table.reclaim(now);
    const bucket = this.scratch;
    if (this.table.load(keyId, bucket)) {
      leak(bucket, limits, now);
    } else {
      bucket.at = now;
      bucket.sequence = firstSequence(now);
      bucket.requests = 0;
      bucket.tokens = 0;
      bucket.lows = [bucket.sequence, 0];
    }
    return bucket;
  }

  private remember(name: string, reservation: Remembered): void {
    this.remembered.delete(name);
    this.remembered.set(name, reservation);
    const now = this.now();
    for (const [oldest, { expiresAt }] of this.remembered) {
      if (expiresAt > now && this.remembered.size <= this.options.maxReservations) break;
      this.remembered.delete(oldest);
    }
  }
}

/** Key ids are ours and hold no line break, so that no request id can name another key's reservation. */
function nameOf(keyId: string, requestId: string): string {
  return `${keyId}\n${requestId}`;
}
