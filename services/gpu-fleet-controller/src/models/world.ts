import type { EngineLoad } from '../engine-view.ts';
import type { Trip } from '../rollout/rollout-plan.ts';
import type { Model } from './model.ts';

/** One workload of a Model: the replicas of one version on one profile's hardware. */
export interface GroupName {
  readonly revision: string;
  readonly profile: string;
}

/** A workload as it is in the cluster. */
export interface Group extends GroupName {
  /** The workload's own name: `<model>-<profile>-<revision>`. */
  readonly name: string;
  /** What its spec asks for. */
  readonly replicas: number;
  /** When it was made, milliseconds since 1970. */
  readonly createdAt: number;
}

/**
 * pending: no node yet; starting: the engine does not answer yet; ready: it answers; draining: it gets no new requests and is
 * to go; asleep: it answers no request until it is woken; failing: it crashes or its image cannot be had; lost: it was ready
 * and does not answer; ending: the cluster deletes it.
 */
export type ReplicaState = 'pending' | 'starting' | 'ready' | 'draining' | 'asleep' | 'failing' | 'lost' | 'ending';

/** One replica: a pod, or the leader of a group of pods. */
export interface Replica extends GroupName {
  readonly pod: string;
  readonly node: string;
  readonly state: ReplicaState;
  /** Why it is not ready, in words for people. */
  readonly reason: string;
  readonly restarts: number;
  readonly createdAt: number;
  /** When it was first ready; absent: not yet. Milliseconds since 1970. */
  readonly readyAt?: number;
  /** Absent: it tells nothing now. */
  readonly load?: EngineLoad;
  /** Since its engine's start, tokens. */
  readonly promptTokens?: number;
  readonly generatedTokens?: number;
  /** Level of sleep: 1 or 2. */
  readonly sleepLevel?: number;
  /** Adapters its engine lists. */
  readonly adapters: readonly string[];
}

/** What the routers want of a model, and how its requests went. */
export interface Demand {
  /** Requests that wait for an engine. */
  readonly held: number;
  readonly running: number;
  /** In the last second. */
  readonly arrived: number;
  /** Milliseconds since 1970; when something was asked of it last. */
  readonly lastUsedAt: number;
  /** Requests by adapter name, running and held. */
  readonly adapters: ReadonlyMap<string, number>;
  /** How requests went on a version since it first served, as routers saw it. */
  readonly outcomes: ReadonlyMap<string, Outcomes>;
}

export interface Outcomes {
  readonly answered: number;
  readonly failed: number;
  /** The last times to the first token, milliseconds, at most 512. */
  readonly ttftMs: readonly number[];
}

/** A node whose GPUs are not to be trusted, or that takes no pods, and why. */
export interface BadNode {
  readonly node: string;
  readonly reason: string;
}

/** Everything a decision about one Model is made from. What decides is a function of this and of its own memory; it calls nobody. */
export interface World {
  /** Milliseconds since 1970. */
  readonly now: number;
  readonly model: Model;
  /** The version that the spec asks for. */
  readonly wanted: string;
  readonly groups: readonly Group[];
  readonly replicas: readonly Replica[];
  readonly demand: Demand;
  readonly badNodes: readonly BadNode[];
  /** What the breaker said of this moment, before scaling and rollout are asked. Absent: it was not asked. */
  readonly trips?: readonly Trip[];
}
