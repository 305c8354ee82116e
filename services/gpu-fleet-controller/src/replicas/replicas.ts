import type { EngineView } from '../engine-view.ts';
import type { Model } from '../models/model.ts';
import type { BadNode, GroupName, Replica } from '../models/world.ts';
import type { PodFacts } from './pod-facts.ts';

/** How one adapter of the Model stands, as its status shows it. */
export interface AdapterView {
  readonly name: string;
  /** Ready replicas that have it. */
  readonly ready: number;
  readonly wanted: number;
  /** Why it is not where it should be. */
  readonly message?: string;
}

/** What the actor decided that bears on the engines. What is absent stays as it was told last. */
export interface Steering {
  /** Part of the requests by version; null: anywhere. */
  readonly shares?: ReadonlyMap<string, number> | null;
  /** Replicas on these are drained first. */
  readonly badNodes?: readonly BadNode[];
  /** Requests by adapter, running and held. */
  readonly adapterDemand?: ReadonlyMap<string, number>;
}

/** The emptiest first, or, as the cluster takes replicas of several hosts, the one with the highest number. */
export type RemovalOrder = 'emptiest' | 'last';

/** The engines in the pods of one Model. Each is probed; what it says is what a decision is made from. */
export interface Replicas {
  /** The Model and its pods as they are now: all of them. */
  update(model: Model, pods: readonly PodFacts[]): void;
  steer(steering: Steering): void;
  /**
   * Whether each pod that the cluster calls ready has been probed. Until then `engines` is not to be told: a controller that
   * has just started knows less than the routers do.
   */
  known(): boolean;
  /** As they are now. */
  list(): readonly Replica[];
  /** As routers are told; what no ready replica serves is told as one engine that can be activated. */
  engines(): readonly EngineView[];
  adapters(): readonly AdapterView[];
  /** Requests for the model or one of its adapters wait. Resolves when a replica serves it; throws why none will. */
  activate(name: string, signal: AbortSignal): Promise<EngineView>;
  /** Nothing new will start, and why: who waits for a new replica is told at once. Undefined: it will again. */
  refuse(reason: string | undefined): void;
  /**
   * Takes `count` replicas of a group out of use, and returns those that nothing runs on any more, or
   * whose time to drain is over. Called again and again with what is still too many; 0 takes those back that still run.
   * What it has returned once is not taken back for a request: it may be on its way out.
   */
  drained(group: GroupName, count: number, order?: RemovalOrder): readonly string[];
  /** Level of sleep that its idle replicas are to be in; 0 wakes them. Until it is called, they are left as they are. */
  sleep(level: 0 | 1 | 2): void;
  /** Ends what is under way. */
  close(): Promise<void>;
}

/** What the replicas of one Model tell its actor. */
export interface ReplicasListener {
  /** Something the actor decides by, or that routers are to know at once, is not what it was; load: may wait. */
  changed(what: 'state' | 'load'): void;
  /** A request waits and no replica serves it: there has to be one. */
  onDemand(): void;
  /** The engine in this pod is beyond repair by what it is asked to do: the pod is to be deleted. */
  discard(pod: string, reason: string): void;
}
