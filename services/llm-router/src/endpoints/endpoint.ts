import type { ProviderConfig } from '@flotilla/kernel';

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
  /** Milliseconds since 1970. */
  readonly since: number;
}

/**
 * One engine as this router sees it: the fleet's facts, which are replaced, and the router's own counts, which stay as
 * long as the engine does.
 */
export class Endpoint {
  /** Requests of this router that run on it. */
  inFlight = 0;
  /** Position in the order of picks: among equals the one that was not picked for longest goes first. */
  lastPick = 0;
  /** Whether it stands in this router's zone; true of all when there are no zones. */
  near = true;
  #failures = 0;
  #ejectedUntil = 0;
  facts: EndpointFacts;

  constructor(facts: EndpointFacts) {
    this.facts = facts;
  }

  ejected(now: number): boolean {
    return this.#ejectedUntil > now;
  }

  /** Could not be reached: set aside for `baseMs`, doubling with each failure in a row up to `maxMs` (Envoy's passive outlier ejection). */
  unreachable(now: number, baseMs: number, maxMs: number): void {
    if (this.ejected(now)) return;
    this.#ejectedUntil = now + Math.min(baseMs * 2 ** Math.min(this.#failures, 20), maxMs);
    this.#failures += 1;
  }

  answered(): void {
    this.#failures = 0;
    this.#ejectedUntil = 0;
  }
}
