import type { chat, router } from '@flotilla/contracts';
import type { Resolution } from '../registry/registry.ts';

/** What is asked of which engines, and why. */
export interface Plan {
  /** As the engines are asked it. */
  readonly request: router.GenerateRequest;
  readonly resolution: Resolution;
  /** What the client is told of how it came to be so. */
  readonly routing: chat.Routing;
  /** What the client is told beside the answer; absent: nothing. */
  readonly notices?: readonly chat.Notice[];
}

export type GenerateEvents = AsyncIterableIterator<router.GenerateEvent, undefined>;

/** Nothing happens before the first `next`. Aborting the signal, or leaving the iteration, ends everything that was begun. */
export type Ask = (plan: Plan, signal: AbortSignal) => GenerateEvents;

/** Changes what is asked before any engine is. Throws what the client is to be told; a promise only where it must wait. */
export interface PlanStep {
  prepare(plan: Plan, signal: AbortSignal): Plan | Promise<Plan>;
}

/** Stands around the answer: passes on what `next` says, or answers itself. Where it is off it returns what `next` returns. */
export interface AnswerLayer {
  answer(plan: Plan, signal: AbortSignal, next: Ask): GenerateEvents;
}

export const noRouting: chat.Routing = {
  task: '',
  policy: '',
  reasons: [],
  experiment: '',
  arm: '',
  cache: '',
  attempts: 0,
};
