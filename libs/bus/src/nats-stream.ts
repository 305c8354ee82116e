import { FlotillaError, sleep, type Clock } from '@flotilla/kernel';
import {
  AckPolicy,
  DeliverPolicy,
  DiscardPolicy,
  JetStreamApiError,
  jetstreamManager,
  RetentionPolicy,
  StorageType,
  type ConsumerConfig,
  type JetStreamManager,
  type StreamConfig,
} from '@nats-io/jetstream';
import { nanos, type NatsConnection } from '@nats-io/transport-node';
import { maxUnsettled } from './delivery.ts';

/** The one stream of durable events. */
export const streamName = 'FLOTILLA';
/** Every durable topic's subject begins with one of these. */
export const streamSubjects = ['usage.>', 'turn.>'];
/** A second event of an id that came within this is dropped, in milliseconds. */
export const dedupWindowMs = 120_000;
const dayMs = 86_400_000;

export interface StreamOptions {
  /** Where the server keeps the stream. Default `file`: it survives a restart. */
  storage?: 'file' | 'memory';
  /** Copies in a cluster of servers. Default 1. */
  replicas?: number;
  /** Events older than this are let go of, handled or not, in milliseconds. Default 7 days. */
  maxAgeMs?: number;
  /** Handled events kept for consumers that are yet to come. Default 4,096. */
  keep?: number;
  /** Bytes of all events, reserved on the server; at the bound `publish` throws `unavailable`. Default 512 MiB. */
  maxBytes?: number;
  /** An event that is neither acknowledged nor said to be worked on for this long goes to another, in milliseconds. Default 30 s. */
  ackWaitMs?: number;
}

export const defaultAckWaitMs = 30_000;

/**
 * Makes sure of the stream, in the shape that the options say. Servers that have just started answer late: tries for
 * `withinMs`, then throws `unavailable`.
 */
export async function ensureStream(
  connection: NatsConnection,
  { storage = 'file', replicas = 1, maxAgeMs = 7 * dayMs, maxBytes = 2 ** 29 }: StreamOptions,
  withinMs: number,
  clock: Clock,
): Promise<JetStreamManager> {
  const wanted = {
    name: streamName,
    subjects: streamSubjects,
    storage: storage === 'file' ? StorageType.File : StorageType.Memory,
    retention: RetentionPolicy.Limits,
    // Refuse what is new rather than lose what is old: publishers keep an outbox and try again.
    discard: DiscardPolicy.New,
    duplicate_window: nanos(dedupWindowMs),
    max_age: nanos(maxAgeMs),
    max_bytes: maxBytes,
    num_replicas: replicas,
  } satisfies Partial<StreamConfig>;
  const until = clock.monotonic() + withinMs;
  for (;;) {
    try {
      const manager = await jetstreamManager(connection, { timeout: 2_000 });
      await manager.streams.add(wanted).catch((error: unknown) => {
        // 10058: it exists in another shape.
        if (!(error instanceof JetStreamApiError) || error.code !== 10058) throw error;
        return manager.streams.update(streamName, wanted);
      });
      return manager;
    } catch (cause) {
      if (connection.isClosed() || clock.monotonic() + 250 > until) {
        throw new FlotillaError('unavailable', 'The stream of the message bus cannot be set up.', { cause });
      }
    }
    await sleep(clock, 250);
  }
}

/** Makes sure of a durable consumer of one subject; returns its name on the server. It begins with all that the stream holds. */
export async function ensureConsumer(
  manager: JetStreamManager,
  consumer: string,
  subject: string,
  { ackWaitMs = defaultAckWaitMs }: StreamOptions,
): Promise<string> {
  const name = `${consumer}_${subject}`.replaceAll(/[^A-Za-z0-9_-]/g, '_');
  const wanted = {
    durable_name: name,
    filter_subject: subject,
    ack_policy: AckPolicy.Explicit,
    deliver_policy: DeliverPolicy.All,
    ack_wait: nanos(ackWaitMs),
    max_ack_pending: maxUnsettled,
    max_deliver: -1,
  } satisfies Partial<ConsumerConfig>;
  // The server takes this as "create or update".
  await manager.consumers.add(streamName, wanted);
  return name;
}
