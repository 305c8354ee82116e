import { turnSaved, usageRecorded, type Bus } from '@flotilla/bus';
import type { OutboxEvent } from './turn-store.ts';

/** How an event of the outbox is published. */
export function publishTo(bus: Bus): (event: OutboxEvent) => Promise<void> {
  return (event) => {
    switch (event.topic) {
      case 'usage.recorded':
        return bus.publish(usageRecorded, event.payload, { id: event.eventId });
      case 'turn.saved':
        return bus.publish(turnSaved, event.payload, { id: event.eventId });
      default:
        return event satisfies never;
    }
  };
}
