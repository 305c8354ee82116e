import { events } from '@flotilla/contracts';
import type { Topic } from './bus.ts';

/** What requests used, one event for each commit of the orchestrator; consumers know a record by its request id. */
export const usageRecorded: Topic<events.UsageBatch> = {
  subject: 'usage.recorded',
  delivery: 'durable',
  type: events.UsageBatch,
};

/** A turn of a conversation is in the database; event id: the turn id. */
export const turnSaved: Topic<events.TurnSaved> = {
  subject: 'turn.saved',
  delivery: 'durable',
  type: events.TurnSaved,
};

/** The engines of one scope as they are now, all of them. Published on every change and now and then, so that a lost one heals. */
export const enginesChanged: Topic<events.EnginesChanged> = {
  subject: 'fleet.engines.changed',
  delivery: 'broadcast',
  type: events.EnginesChanged,
};

/** Forget what you cached about this key, this organisation, or all. */
export const keysChanged: Topic<events.KeysChanged> = {
  subject: 'gateway.keys.changed',
  delivery: 'broadcast',
  type: events.KeysChanged,
};

/** Read the content rules of this organisation again. */
export const rulesChanged: Topic<events.RulesChanged> = {
  subject: 'gateway.rules.changed',
  delivery: 'broadcast',
  type: events.RulesChanged,
};

/** Read what was set at run time over the file again. */
export const registryChanged: Topic<events.RegistryChanged> = {
  subject: 'router.registry.changed',
  delivery: 'broadcast',
  type: events.RegistryChanged,
};

/** Forget the kept answers of this organisation and model, or of all. */
export const cachePurged: Topic<events.CachePurged> = {
  subject: 'router.cache.purged',
  delivery: 'broadcast',
  type: events.CachePurged,
};

/** What a router wants of the fleet's models, and how requests went on their engines. */
export const routerDemand: Topic<events.RouterDemand> = {
  subject: 'router.demand',
  delivery: 'broadcast',
  type: events.RouterDemand,
};

/** How busy a router keeps the engines, and which prefixes it sent to them lately. */
export const routerPicks: Topic<events.RouterPicks> = {
  subject: 'router.picks',
  delivery: 'broadcast',
  type: events.RouterPicks,
};

/** Every topic there is; tests hold the list against the subjects of the stream. */
export const topics = [
  usageRecorded,
  turnSaved,
  enginesChanged,
  keysChanged,
  rulesChanged,
  registryChanged,
  cachePurged,
  routerPicks,
  routerDemand,
] as const;
