import type { ProviderConfig } from '@flotilla/kernel';

/** `unhealthy`: it should answer its probe and does not. */
export type EngineState = 'stopped' | 'starting' | 'ready' | 'unhealthy';

export interface ServedModel {
  name: string;
  /** chat, embeddings; empty when the engine does not tell. */
  capabilities: string[];
  /** Where a LoRA adapter was loaded from, as vLLM tells it. Absent: it is a model of its own. */
  adapterPath?: string;
}

export interface EngineLoad {
  running: number;
  waiting: number;
  /** 0 to 1. */
  kvCacheUsage: number;
  /** LoRA adapters that requests run on. These three: absent where the engine says nothing of adapters. */
  runningAdapters?: string[];
  /** That requests wait for. */
  waitingAdapters?: string[];
  /** That run at once, at most. */
  maxAdapters?: number;
}

/** An engine as others see it. */
export interface EngineView {
  /** The provider's name, or `<provider>/<service>`: stable over restarts. */
  id: string;
  provider: string;
  kind: ProviderConfig['kind'];
  baseUrl: string;
  state: EngineState;
  models: readonly ServedModel[];
  /** Why it is not ready; empty when it is. */
  reason: string;
  /** When it came into this state, milliseconds since 1970. */
  since: number;
  /** A process this controller starts and stops. */
  managed: boolean;
  load: EngineLoad | undefined;
  /** What it does not serve now and can be made to. */
  activatable: readonly string[];
  onDemand: boolean;
  /** What is activatable will not start, for this reason, until somebody mends it. */
  refused?: boolean;
  /** The part of the fleet it is told of with. Absent: that of this machine. */
  scope?: string;
  /** Its version, while two serve the model, and the version's part of the requests, 0 to 1. */
  group?: { readonly name: string; readonly share: number };
  /** `<region>/<zone>`. Absent: unknown. */
  zone?: string;
}

/** Whether an address is on this machine or in a private network, where a probe costs nobody anything. */
export function isNear(url: string): boolean {
  const { hostname } = new URL(url);
  return (
    !hostname.includes('.') ||
    /^(?:127|10|192\.168|172\.(?:1[6-9]|2\d|3[01])|169\.254)\./.test(hostname) ||
    /\.(?:local|internal|svc|localhost)$/.test(hostname) ||
    hostname.startsWith('[')
  );
}
