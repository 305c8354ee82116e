import { counter, histogram, logger, rpcSeconds, span, withTraceparent } from '@flotilla/telemetry';
import type { EventContext, Topic } from './bus.ts';

/** What a subscriber gives to `subscribe`. */
export type Handle<T> = (message: T, context: EventContext) => Promise<void> | void;

/** Events of one durable consumer that may be under way or wait to come again; at the bound it gets no new ones. */
export const maxUnsettled = 1_000;

const log = logger('bus');
const published = counter({
  name: 'flotilla_bus_published_total',
  description: 'Events published, by subject and outcome',
});
const handled = counter({
  name: 'flotilla_bus_handled_total',
  description: 'Events handled, by subject, consumer and outcome',
});
const lost = counter({
  name: 'flotilla_bus_lost_total',
  description: 'Broadcast events dropped before a slow listener took them',
});
const handleSeconds = histogram({
  name: 'flotilla_bus_handle_duration_seconds',
  description: 'How long handlers took',
  unit: 's',
  buckets: rpcSeconds,
});

/** Milliseconds before an event that failed `attempt` times comes again: 100 ms doubling, at most 30 s. */
export function redeliveryPauseMs(attempt: number): number {
  return Math.min(30_000, 100 * 2 ** Math.min(attempt - 1, 20));
}

export function countPublished(subject: string, outcome: 'ok' | 'duplicate' | 'failed'): void {
  published.add(1, { subject, outcome });
}

export function countLost(subject: string): void {
  lost.add(1, { subject });
}

/**
 * Runs a handler for one event, in the publisher's trace. Resolves with whether it went well; never throws: what a
 * handler throws is logged, and a durable event comes again.
 */
export async function deliver<T>(
  topic: Topic<T>,
  consumer: string | undefined,
  trace: string | undefined,
  message: T,
  context: EventContext,
  handle: Handle<T>,
): Promise<boolean> {
  const begun = performance.now();
  const { subject } = topic;
  let ok = true;
  try {
    await withTraceparent(trace, () =>
      span(
        `process ${subject}`,
        { 'messaging.system': 'nats', 'messaging.destination.name': subject, 'messaging.message.id': context.id },
        async () => handle(message, context),
        { kind: 'consumer' },
      ),
    );
  } catch (error) {
    ok = false;
    log.warn('a handler failed', { subject, consumer, id: context.id, attempt: context.attempt, error });
  }
  handleSeconds.record((performance.now() - begun) / 1_000, { subject, consumer });
  handled.add(1, { subject, consumer, outcome: ok ? 'ok' : 'failed' });
  return ok;
}
