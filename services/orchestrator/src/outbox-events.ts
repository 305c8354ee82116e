import { events } from '@flotilla/contracts';
import { callKey, type OutboxEvent } from './turn-store.ts';
import type { TurnRow } from './turn-record.ts';

/** What is published of a group of calls, in their order. */
export function eventsOf(rows: readonly TurnRow[]): OutboxEvent[] {
  const all: OutboxEvent[] = [];
  for (const { turn, safety: _, ...used } of rows) {
    const { caller, at } = used;
    all.push({
      ...{ topic: 'usage.recorded', eventId: caller.requestId },
      payload: used,
    });
    if (!turn) continue;
    const { conversationId, turnId } = turn;
    all.push({ topic: 'turn.saved', eventId: turnId, payload: { caller, conversationId, turnId, at } });
  }
  return all;
}

/** The events of calls that were new; `fresh` absent: all were. */
export function freshEvents(all: readonly OutboxEvent[], fresh: readonly string[] | null): readonly OutboxEvent[] {
  if (fresh === null) return all;
  const keys = new Set(fresh);
  const published = new Set<string>();
  return all.filter(({ topic, payload }) => {
    const key = callKey(payload.caller!);
    // Of two rows with one request id in a group the first was written.
    const once = `${topic} ${key}`;
    if (!keys.has(key) || published.has(once)) return false;
    published.add(once);
    return true;
  });
}

/** As they stand in the outbox. */
export function parseEvents(json: string): OutboxEvent[] {
  return (JSON.parse(json) as OutboxEvent[]).map(({ topic, eventId, payload }) =>
    topic === 'turn.saved'
      ? { topic, eventId, payload: events.TurnSaved.fromPartial(payload) }
      : { topic, eventId, payload: events.UsageRecorded.fromPartial(payload) },
  );
}
