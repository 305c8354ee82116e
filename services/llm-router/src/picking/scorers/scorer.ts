import type { Endpoint } from '../../endpoints/endpoint.ts';
import type { Target } from '../../providers/target.ts';

/** An engine that may be picked. The picker uses the same few again and again. */
export interface Candidate {
  target: Target;
  endpoint: Endpoint;
  /** Requests on it, with what it is to be spared while it comes back. */
  busy: number;
  /** Milliseconds to the first token per character; 0: not known. */
  latency: number;
  /** Above the bound: it is not picked for what it holds. */
  tooBusy: boolean;
  /** Characters of the prompt that its cache should hold. */
  held: number;
}

/** What is the same for all candidates of a pick. */
export interface PickContext {
  readonly meanBusy: number;
  readonly medianLatency: number;
  /** Characters of the prompt; 0: not looked at. */
  readonly characters: number;
  /** A LoRA adapter is asked for. */
  readonly adapter: boolean;
  readonly now: number;
  /** USD per million tokens; none: not known. */
  readonly prices: ReadonlyMap<Target, number>;
  readonly cheapest: number;
}

/** How good an engine is in one respect, 0 to 1. */
export type Scorer = (candidate: Candidate, context: PickContext) => number;
