import type { ModelConfig } from '@flotilla/kernel';
import type { Endpoint, EngineKind } from '../endpoints/endpoint.ts';

/** `openrouter/meta-llama/llama-3.1-8b` → the provider, and the rest as the provider calls it. */
export function splitQualified(text: string): [provider: string, model: string] {
  const slash = text.indexOf('/');
  return slash < 0 ? [text, ''] : [text.slice(0, slash), text.slice(slash + 1)];
}

const hosted: ReadonlySet<EngineKind> = new Set<EngineKind>(['openai', 'openrouter', 'anthropic', 'runpod']);

/** Somebody else's, as far as its kind tells. */
export function isHosted(endpoint: Endpoint): boolean {
  return hosted.has(endpoint.facts.kind);
}

/** Hosted providers and gateways list what they advertise, not all they take. */
export const takesAny = isHosted;

/** Serverless endpoints say nothing of their models: asking would start a worker. */
export function neverLists(endpoint: Endpoint): boolean {
  return endpoint.facts.kind === 'runpod';
}

export function takes(endpoint: Endpoint, model: string): boolean {
  return takesAny(endpoint) || tellsNothing(endpoint) || serves(endpoint, model);
}

/** What it serves is not known: it may be anything. */
function tellsNothing({ facts }: Endpoint): boolean {
  return facts.models.length === 0 && !facts.activatable?.length;
}

/** Now, or once it is started. Ollama lists `llama3:latest` for what everyone calls `llama3`. */
export function serves(endpoint: Endpoint, name: string): boolean {
  return endpoint.facts.activatable?.includes(name) || servesNow(endpoint, name);
}

/** It said so itself. */
export function servesNow({ facts }: Endpoint, name: string): boolean {
  return facts.models.some(
    (model) => model.name === name || (facts.kind === 'ollama' && model.name === `${name}:latest`),
  );
}

/** The names it can be asked for, now or once it is started. */
export function offered({ facts }: Endpoint): readonly string[] {
  const names = facts.models.map((model) => model.name);
  return facts.activatable?.length ? [...new Set([...names, ...facts.activatable])] : names;
}

export function capabilitiesOn(endpoint: Endpoint, name: string): readonly string[] {
  const model = endpoint.facts.models.find((entry) => entry.name === name || entry.name === `${name}:latest`);
  if (model && model.capabilities.length > 0) return model.capabilities;
  return /embed/i.test(name) ? ['embeddings'] : ['chat'];
}

/** A target that names no model means the client's name where the engine knows it, else the one thing the engine serves. */
export function modelOn(endpoint: Endpoint, wanted: string | undefined, model: ModelConfig): string | undefined {
  if (wanted !== undefined) return takes(endpoint, wanted) ? wanted : undefined;
  if (tellsNothing(endpoint) || serves(endpoint, model.name)) return model.name;
  const capability = model.capabilities.includes('embeddings') ? 'embeddings' : 'chat';
  return offered(endpoint).find((name) => capabilitiesOn(endpoint, name).includes(capability));
}
