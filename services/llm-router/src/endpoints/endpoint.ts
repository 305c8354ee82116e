import type { ProviderConfig } from '@flotilla/kernel';
import { EndpointHealth } from '../picking/health.ts';
import { EndpointLatency } from '../picking/latency.ts';

export type EngineKind = ProviderConfig['kind'];

export interface ServedModel {
  readonly name: string;
  /** Empty when the engine does not tell. */
  readonly capabilities: readonly string[];
}

/** What the fleet, or the configuration, says of an engine. */
export interface EndpointFacts {
  readonly id: string;
  readonly provider: string;
  readonly kind: EngineKind;
  readonly baseUrl: string;
  readonly ready: boolean;
  /** What it said it serves; empty when it was not asked. */
  readonly models: readonly ServedModel[];
  /** Requests queued in the engine, of all its clients. */
  readonly waiting: number;
  /** Requests in its batch, of all its clients. Absent: it does not tell. */
  readonly running?: number;
  /** The share of its KV cache in use, 0 to 1. */
  readonly kvCacheUsage?: number;
  /** LoRA adapters in its batch. */
  readonly runningAdapters?: readonly string[];
  /** LoRA adapters that requests wait for. */
  readonly waitingAdapters?: readonly string[];
  /** LoRA adapters that run at once; 0: it does not say. */
  readonly maxAdapters?: number;
  /** Milliseconds since 1970. */
  readonly since: number;
  /** What it does not serve now and the fleet can make it serve. */
  readonly activatable?: readonly string[];
  /** It runs only while it is used. */
  readonly onDemand?: boolean;
  /** The part of the fleet it is told of with, e.g. a Model of a cluster. Absent: none. */
  readonly scope?: string;
  /** The version of the model it runs, while there are several, and that version's part of the requests, 0 to 1. */
  readonly group?: { readonly name: string; readonly share: number };
  /** Where it stands, `<region>/<zone>`; absent: what the configuration says of its provider. */
  readonly zone?: string;
}

/** What this router knows of a model on an engine. */
export interface Resident {
  /** Its number in the table of prefixes; see Prefixes. */
  readonly number: number;
  /** When a request for it was sent last, monotonic milliseconds. */
  sentAt: number;
}

/** Milliseconds after which what the fleet told of the load counts no more: it tells every 10 s when nothing changes. */
const staleMs = 30_000;
/** A request that waits in the engine stands before us, which one that runs does not. */
const waitingWeight = 2;

/**
 * One engine as this router sees it: the fleet's facts, which are replaced, and the router's own counts, which stay as
 * long as the engine does.
 */
export class Endpoint {
  /** Requests of this router that run on it. */
  inFlight = 0;
  /** Requests of other routers, as they tell. */
  peers = 0;
  /** Position in the order of picks: among equals the one that was not picked for longest goes first. */
  lastPick = 0;
  /** Whether it stands in this router's zone; true of all when there are no zones. */
  near = true;
  /** Whether it stands at least in this router's region. */
  inRegion = true;
  /** Its id as a number, for hashing. */
  readonly key: number;
  readonly health = new EndpointHealth();
  readonly latency = new EndpointLatency();
  /** By the model's name on the engine; bounded by Prefixes. */
  readonly residents = new Map<string, Resident>();
  #facts: EndpointFacts;
  /** Requests of clients that are no router: the least of what two readings in a row say, as one reading lags behind. */
  #foreign = 0;
  #foreignBefore = 0;
  #factsAt = -1;

  constructor(facts: EndpointFacts) {
    this.#facts = facts;
    this.key = keyOf(facts.id);
    this.#foreignBefore = this.#unaccounted(facts);
    this.#foreign = this.#foreignBefore;
  }

  get facts(): EndpointFacts {
    return this.#facts;
  }

  set facts(facts: EndpointFacts) {
    if (facts === this.#facts) return;
    // It was away, and its cache with it.
    if (facts.ready && !this.#facts.ready) this.residents.clear();
    const foreign = this.#unaccounted(facts);
    this.#foreign = Math.min(foreign, this.#foreignBefore);
    this.#foreignBefore = foreign;
    this.#facts = facts;
    this.#factsAt = -1;
  }

  /** Requests that are on it now as far as can be told: those sent since the fleet looked count on top of what it saw. */
  busy(now: number): number {
    const known = this.inFlight + this.peers;
    if (this.#factsAt < 0) this.#factsAt = now;
    if (now - this.#factsAt > staleMs) return known;
    return known + this.#foreign + waitingWeight * this.#facts.waiting;
  }

  #unaccounted({ running, waiting }: EndpointFacts): number {
    return running === undefined ? 0 : Math.max(0, running + waiting - this.inFlight - this.peers);
  }
}

/** FNV-1a of 32 bits. */
function keyOf(id: string): number {
  let key = 0x811c9dc5;
  for (let at = 0; at < id.length; at += 1) key = Math.imul(key ^ id.charCodeAt(at), 0x01000193);
  return key >>> 0;
}
