import { z } from 'zod';

/** What goes wrong with a request. */
export type Fault =
  | { kind: 'error' }
  | { kind: 'slow'; ms: number }
  | { kind: 'hang' }
  | { kind: 'cut'; tokens: number }
  | { kind: 'dead' };

const faultText = z
  .string()
  .regex(/^(?:500|hang|dead|slow:\d{1,7}|cut:\d{1,7})$/, 'one of 500, hang, dead, slow:<milliseconds>, cut:<tokens>');

export const faultRequest = z.strictObject({
  fault: faultText,
  /** How many requests it hits; absent: all until deleted. */
  count: z.number().int().positive().optional(),
  /** Of the requests it could hit, 0 to 1. */
  probability: z.number().min(0).max(1).default(1),
  /** Paths it applies to begin so. Absent: generation and embeddings, so that no probe uses it up. Give `/` for probes too. */
  path: z.string().startsWith('/').optional(),
});

export type FaultRequest = z.infer<typeof faultRequest>;

/** Reads `500`, `hang`, `dead`, `slow:250`, `cut:10`; undefined when it is none of these. */
export function parseFault(text: string): Fault | undefined {
  if (!faultText.safeParse(text).success) return undefined;
  const [kind, amount] = text.split(':');
  if (kind === '500') return { kind: 'error' };
  if (kind === 'slow') return { kind: 'slow', ms: Number(amount) };
  if (kind === 'cut') return { kind: 'cut', tokens: Number(amount) };
  return { kind: kind as 'hang' | 'dead' };
}

/** At most this many admin faults at once. */
const maxFaults = 100;

/** The faults that are set by admin call. The dice are seeded: a run with the same seed fails at the same requests. */
export class Faults {
  private readonly set: FaultRequest[] = [];
  private dice: number;

  constructor(seed: number) {
    this.dice = seed | 0;
  }

  add(request: FaultRequest): boolean {
    if (this.set.length >= maxFaults) return false;
    this.set.push({ ...request });
    return true;
  }

  list(): readonly FaultRequest[] {
    return this.set;
  }

  clear(): void {
    this.set.length = 0;
  }

  /** True while a `dead` without a count is set: the whole engine is, its health with it. */
  get dead(): boolean {
    return this.set.some(({ fault, count }) => fault === 'dead' && count === undefined);
  }

  /** The fault of a request; counts it down. */
  draw(method: string | undefined, path: string): Fault | undefined {
    for (let i = 0; i < this.set.length; i += 1) {
      const entry = this.set[i]!;
      const meant = entry.path === undefined ? method === 'POST' : path.startsWith(entry.path);
      if (!meant || (entry.probability < 1 && this.roll() >= entry.probability)) continue;
      if (entry.count !== undefined) {
        entry.count -= 1;
        if (entry.count === 0) this.set.splice(i, 1);
      }
      return parseFault(entry.fault);
    }
    return undefined;
  }

  /** mulberry32. */
  private roll(): number {
    this.dice = (this.dice + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.dice ^ (this.dice >>> 15), 1 | this.dice);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  }
}
