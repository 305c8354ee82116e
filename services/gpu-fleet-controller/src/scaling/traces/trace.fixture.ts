import type { z } from 'zod';
import type { profileSchema, scalingSchema } from '../../models/model-spec.ts';
import type { BadNode } from '../../models/world.ts';
import type { Hardware, ModelledReplica } from '../modelled-replica.fixture.ts';

export interface TracedProfile extends z.input<typeof profileSchema> {
  readonly hardware: Hardware;
  /** Replicas that find a node. Absent: all. */
  readonly nodes?: number;
  readonly startSeconds?: number;
}

/** A load over time, what it falls on, and what goes wrong meanwhile. Times in seconds since its beginning. */
export interface Trace {
  readonly seconds: number;
  /** Requests a second. */
  rate(at: number): number;
  /** Tokens of a request; answers differ by half of it either way. */
  readonly prompt: number;
  readonly output: number;
  readonly profiles: readonly [TracedProfile, ...TracedProfile[]];
  readonly scaling: z.input<typeof scalingSchema>;
  /** That are there at the beginning. */
  readonly replicas?: number;
  /** When the controller is begun anew. */
  readonly restarts?: readonly number[];
  /** Replicas tell nothing. */
  silent?(at: number): boolean;
  /** Nobody decides. */
  blind?(at: number): boolean;
  /** The wall clock, which may be wrong. */
  clock?(at: number, now: number): number;
  badNodes?(at: number): readonly BadNode[];
  /** Called before each decision. */
  happens?(at: number, replicas: readonly ModelledReplica[]): void;
}

/** About 7 requests a second of 200 tokens at 32 at once. */
export const card: Hardware = { seats: 48, cache: 200_000, prefill: 12_000, decode: 60, slowdown: 0.01 };
export const single: TracedProfile = { name: 'single', hardware: card };

/** Requests a second between points of a line: `[second, rate]`. */
export function line(...points: readonly (readonly [at: number, rate: number])[]): Trace['rate'] {
  return (at) => {
    const next = points.findIndex(([second]) => second > at);
    if (next === 0) return points[0]![1];
    if (next === -1) return points.at(-1)![1];
    const [[fromAt, from], [toAt, to]] = [points[next - 1]!, points[next]!];
    return from + ((to - from) * (at - fromAt)) / (toAt - fromAt);
  };
}

/** The rate since a time, until the next. */
export function steps(...points: readonly (readonly [since: number, rate: number])[]): Trace['rate'] {
  return (at) => points.findLast(([since]) => since <= at)?.[1] ?? 0;
}
