import type { events, orchestrator } from '@flotilla/contracts';
import type { History } from './history.ts';
import type { TurnRow } from './turn-record.ts';

/** A fact on its way to the bus. */
export type OutboxEvent =
  | { readonly topic: 'usage.recorded'; readonly eventId: string; readonly payload: events.UsageRecorded }
  | { readonly topic: 'turn.saved'; readonly eventId: string; readonly payload: events.TurnSaved };

/** The events of one commit, in order. `id` orders commits. */
export interface OutboxRow {
  readonly id: string;
  readonly events: readonly OutboxEvent[];
}

/** Where turns, usage and the outbox are kept. */
export interface TurnStore {
  /**
   * Writes usage, turns and outbox rows of a group, all or nothing. A call that was written before (same organisation and
   * request id) is left as it is. The outbox row it answers is this replica's to publish for `claimMs`; undefined when nothing was new.
   */
  write(rows: readonly TurnRow[], claimMs: number): Promise<OutboxRow | undefined>;
  history(orgId: string, conversationId: string, turns: number): Promise<History>;
  /** The saved turns, oldest first; at most the last 1,000. Undefined: no such conversation of this organisation. */
  conversation(orgId: string, conversationId: string): Promise<orchestrator.Conversation | undefined>;
}

export interface OutboxStore {
  /** Takes the oldest rows that nobody publishes now, at most `limit`, for `claimMs`. */
  claim(limit: number, claimMs: number): Promise<readonly OutboxRow[]>;
  /** The bus has them. */
  remove(ids: readonly string[]): Promise<void>;
  /** Gives them back. */
  release(ids: readonly string[]): Promise<void>;
}

/** Names a call among those of all organisations. */
export function callKey({ orgId, requestId }: { orgId: string; requestId: string }): string {
  return `${orgId}\n${requestId}`;
}
