import { frameFailure, malformedFailure } from './engine-errors.ts';
import { engineJson } from './engine-json.ts';
import { readOllamaList } from './model-lists.ts';
import { OllamaAnswer } from './ollama-answer.ts';
import { ollamaChatBody } from './ollama-request.ts';
import { bearer, unsaid } from './openai-compatible.ts';
import type { EmbedAnswer, ProviderAdapter } from './provider.ts';

/** Ollama's own API (github.com/ollama/ollama, docs/api.md): its OpenAI route knows neither thinking nor load times. */
export const ollama: ProviderAdapter = {
  generatePath: '/api/chat',
  embedPath: '/api/embed',
  basePath: (pathname) => pathname.replace(/\/v1$/, ''),
  list: { path: '/api/tags', read: readOllamaList },
  credentials: bearer,
  generateBody: ollamaChatBody,
  answer: (_stream, redact, extras) => new OllamaAnswer(redact, extras),
  embedBody: (model, inputs) => JSON.stringify({ model, input: inputs }),
  embeddings: readEmbeddings,
};

interface EmbedBody {
  embeddings?: number[][];
  prompt_eval_count?: number;
  error?: unknown;
}

function readEmbeddings(text: string, inputs: readonly string[]): EmbedAnswer {
  const body = engineJson<EmbedBody>(text, 'a body');
  if (body.error != null) throw frameFailure(body.error, unsaid);
  if (!Array.isArray(body.embeddings) || body.embeddings.length !== inputs.length) {
    throw malformedFailure('another number of embeddings');
  }
  const promptTokens = body.prompt_eval_count;
  return {
    vectors: body.embeddings,
    usage:
      promptTokens === undefined ? undefined : { promptTokens, completionTokens: 0, cachedTokens: 0, estimated: false },
  };
}
