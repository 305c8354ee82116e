import type { ProviderConfig } from '@flotilla/kernel';
import type { EngineLoad, ServedModel } from './engine-view.ts';

export interface ProbeTarget {
  kind: ProviderConfig['kind'];
  baseUrl: string;
  /** Sent as this kind wants it. */
  apiKey: string | undefined;
}

export interface ProbeAnswer {
  /** Undefined: it answers but would not list them now. */
  models: ServedModel[] | undefined;
  load: EngineLoad | undefined;
}

/** Asks an engine how it is. Throws ProbeFailure when it is not well. */
export type Probe = (target: ProbeTarget, signal: AbortSignal) => Promise<ProbeAnswer>;

/** Why an engine is not well, in words fit for everyone: no key, no address of ours, nothing it answered. */
export class ProbeFailure extends Error {}
