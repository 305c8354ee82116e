import type { JetStreamManager } from '@nats-io/jetstream';
import { streamName } from './nats-stream.ts';

/**
 * Lets go of events that every consumer of their subject has acknowledged, but keeps the newest `keep` of the stream for
 * consumers that are yet to come; of subjects that nobody consumes it keeps the newest `keep` of each.
 *
 * JetStream's own policies do not fit: by limits, events long handled would fill the stream until it refuses new ones; by
 * interest, events published before the first consumer of a fresh install would be gone. Any number of processes may do
 * this at once. Returns how many events were let go of.
 */
export async function letGoOfHandled(manager: JetStreamManager, keep: number): Promise<number> {
  const { state } = await manager.streams.info(streamName, { subjects_filter: '>' });
  if (state.messages <= keep) return 0;
  const unhandledFrom = new Map<string, number>();
  for await (const { config, ack_floor } of manager.consumers.list(streamName)) {
    const subject = config.filter_subject;
    if (!subject) continue;
    const from = ack_floor.stream_seq + 1;
    unhandledFrom.set(subject, Math.min(from, unhandledFrom.get(subject) ?? from));
  }
  let purged = 0;
  for (const subject of Object.keys(state.subjects ?? {})) {
    const from = unhandledFrom.get(subject);
    const seq = Math.min(from ?? 0, state.last_seq - keep + 1);
    if (from !== undefined && seq <= state.first_seq) continue;
    const { purged: count } = await manager.streams.purge(
      streamName,
      from === undefined ? { filter: subject, keep } : { filter: subject, seq },
    );
    purged += count;
  }
  return purged;
}
