import type { limits } from '@flotilla/contracts';
import type { Exchange } from '../http/exchange.ts';

/** Who asks, and when they have left: an exchange, or one chat of a WebSocket. */
export type Asker = Pick<Exchange, 'caller' | 'identity' | 'signal'>;

/** What a request may use. */
export interface Grant {
  /** Output tokens for each choice; the engine is never asked for more. */
  readonly maxTokens: number;
  /** What the limiter or the lease holds for this request; 0 when it was decided without either. */
  readonly reservedTokens: number;
  /** The lease it was admitted under; empty: none. */
  readonly leaseId: string;
  /** From these the orchestrator reserves what it adds to the prompt; empty: it need not. */
  readonly strictSubjects: readonly limits.Subject[];
  /** For the headers; empty when nobody could say. */
  readonly limits: readonly limits.LimitState[];
}

/** The grant of a request that neither the limiter nor a lease holds anything for. */
export function unheld(maxTokens: number): Grant {
  return { maxTokens, reservedTokens: 0, leaseId: '', strictSubjects: [], limits: [] };
}

/** What a request asks for. Tokens are those of all choices. */
export interface Wish {
  readonly model: string;
  readonly choices: number;
  readonly promptTokens: number;
  /** 0: as many as it may have, up to the default. */
  readonly outputTokens: number;
  readonly defaultOutputTokens: number;
}

/** What a request needs at least. */
export function leastTokens({ promptTokens, outputTokens, choices }: Wish): number {
  return promptTokens + (outputTokens || choices);
}

/** Output tokens of one choice. */
export function each(outputTokens: number, { choices }: Wish): number {
  return choices === 0 ? 0 : Math.floor(outputTokens / choices);
}
