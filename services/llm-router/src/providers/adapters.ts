import type { EndpointFacts } from '../endpoint.ts';
import { ollama } from './ollama.ts';
import { openAiCompatible } from './openai-compatible.ts';
import type { ProviderAdapter } from './provider.ts';

const compatible = openAiCompatible('max_tokens');
const openAiItself = openAiCompatible('max_completion_tokens');

/** The one place that knows which kind of engine is spoken to how. */
export function adapterFor(endpoint: EndpointFacts): ProviderAdapter {
  switch (endpoint.kind) {
    case 'ollama':
      return ollama;
    case 'openai':
      return /^https:\/\/([\w-]+\.)*openai\.com[:/]/.test(`${endpoint.baseUrl}/`) ? openAiItself : compatible;
    case 'vllm':
    case 'openrouter':
      return compatible;
    default:
      return endpoint.kind satisfies never;
  }
}
