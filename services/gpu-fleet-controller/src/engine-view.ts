import type { ProviderConfig } from '@flotilla/kernel';

/** `unhealthy`: it should answer its probe and does not. */
export type EngineState = 'stopped' | 'starting' | 'ready' | 'unhealthy';

export interface ServedModel {
  name: string;
  /** chat, embeddings; empty when the engine does not tell. */
  capabilities: string[];
}

export interface EngineLoad {
  running: number;
  waiting: number;
  /** 0 to 1. */
  kvCacheUsage: number;
}

/** An engine as others see it. */
export interface EngineView {
  /** The provider's name: stable over restarts. */
  id: string;
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
}

const defaultUrls: Record<ProviderConfig['kind'], string> = {
  vllm: 'http://127.0.0.1:8000/v1',
  openai: 'https://api.openai.com/v1',
  openrouter: 'https://openrouter.ai/api/v1',
  ollama: 'http://127.0.0.1:11434',
};

/** Where a provider is: with /v1 where it speaks OpenAI's API, without for Ollama; never with a slash at the end. */
export function baseUrlOf({ kind, base_url }: ProviderConfig): string {
  const url = (base_url ?? defaultUrls[kind]).replace(/\/+$/, '');
  return kind === 'ollama' ? url.replace(/\/v1$/, '') : url;
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
