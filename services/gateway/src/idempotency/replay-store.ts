import type { Answer } from './answer.ts';

/** One request with an Idempotency-Key. */
export interface Slot {
  readonly orgId: string;
  /** See `nameOf`. */
  readonly name: string;
  /** Of the route and the body. */
  readonly digest: string;
}

/** What stands under a name. */
export type Held =
  | { readonly state: 'claimed' }
  | { readonly state: 'running'; readonly digest: string }
  | { readonly state: 'done'; readonly digest: string; readonly answer: Answer };

/** What gateways know together of requests with an Idempotency-Key. */
export interface ReplayStore {
  /**
   * `claimed`: nobody has it, or whoever had it died or never answered, and from now on it is ours. Atomic: of all
   * gateways that ask at once, one gets it.
   */
  claim(slot: Slot): Promise<Held>;
  /** Keeps the answer of what is still ours; without one, what is ours is free again. */
  finish(slot: Slot, answer: Answer | undefined): Promise<void>;
  /** Says that we are alive: what we claimed stays ours for another while. */
  renew(): Promise<void>;
  /** Forgets what has expired. */
  sweep(): Promise<void>;
}
