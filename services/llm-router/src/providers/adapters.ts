import type { EndpointFacts } from '../endpoints/endpoint.ts';
import { ollama } from './ollama.ts';
import { openAiCompatible } from './openai-compatible.ts';
import type { ProviderAdapter } from './provider.ts';

const vllm = openAiCompatible({ maxTokensField: 'max_tokens', countsEachChunk: true });
const compatible = openAiCompatible({ maxTokensField: 'max_tokens', countsEachChunk: false });
const openAiItself = openAiCompatible({ maxTokensField: 'max_completion_tokens', countsEachChunk: false });

/** The one place that knows which kind of engine is spoken to how. */
export function adapterFor(endpoint: EndpointFacts): ProviderAdapter {
  switch (endpoint.kind) {
    case 'ollama':
      return ollama;
    case 'openai':
      return /^https:\/\/([\w-]+\.)*openai\.com[:/]/.test(`${endpoint.baseUrl}/`) ? openAiItself : compatible;
    case 'vllm':
      return vllm;
    case 'openrouter':
      return compatible;
    default:
      return endpoint.kind satisfies never;
  }
}
