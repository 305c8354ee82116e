import { turnSaved, usageRecorded, type Bus } from '@flotilla/bus';
import type { events } from '@flotilla/contracts';
import type { OutboxEvent } from './turn-store.ts';

/** How the events of one commit are published: its usage together, its turns one by one. */
export function publishTo(bus: Bus): (commit: readonly OutboxEvent[]) => Promise<void> {
  return async (commit) => {
    const records: events.UsageRecorded[] = [];
    const sent: Promise<void>[] = [];
    let first = '';
    for (const event of commit) {
      switch (event.topic) {
        case 'usage.recorded':
          first ||= event.eventId;
          records.push(event.payload);
          break;
        case 'turn.saved':
          sent.push(bus.publish(turnSaved, event.payload, { id: event.eventId }));
          break;
        default:
          event satisfies never;
      }
    }
    // The same commit has the same id, whoever publishes it.
    if (records.length > 0) sent.push(bus.publish(usageRecorded, { records }, { id: first }));
    await Promise.all(sent);
  };
}
