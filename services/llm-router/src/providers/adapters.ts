import type { EndpointFacts, EngineKind } from '../endpoints/endpoint.ts';
import type { Account } from './account.ts';
import { anthropic } from './anthropic.ts';
import { ollama } from './ollama.ts';
import { openAiCompatible } from './openai-compatible.ts';
import { openrouter } from './openrouter.ts';
import type { ProviderAdapter } from './provider.ts';
import { runpodJobs, runpodOpenAi } from './runpod.ts';

const vllm: ProviderAdapter = { ...openAiCompatible({ countsEachChunk: true }), continues: true };
const compatible = openAiCompatible();
const openAiItself = openAiCompatible({ maxTokensField: 'max_completion_tokens' });

type Choose = (endpoint: EndpointFacts, account: Account) => ProviderAdapter;

/** The one place that knows which kind of engine is spoken to how. */
const adapters: Record<EngineKind, Choose> = {
  vllm: () => vllm,
  openai: ({ baseUrl }) => (/^https:\/\/([\w-]+\.)*openai\.com[:/]/.test(`${baseUrl}/`) ? openAiItself : compatible),
  ollama: () => ollama,
  openrouter: () => openrouter,
  runpod: (_endpoint, { provider }) => (provider?.route === 'jobs' ? runpodJobs : runpodOpenAi),
  anthropic: () => anthropic,
};

export function adapterFor(endpoint: EndpointFacts, account: Account): ProviderAdapter {
  return adapters[endpoint.kind](endpoint, account);
}
