import type { Account } from './account.ts';
import { frameFailure, malformedFailure } from './engine-errors.ts';
import { engineJson } from './engine-json.ts';
import { readOpenAiList } from './model-lists.ts';
import { OpenAiStream, OpenAiWhole, usageOf } from './openai-answer.ts';
import { chatBody, type BodyStyle } from './openai-request.ts';
import { ownFields } from './parameters.ts';
import type { EmbedAnswer, ProviderAdapter } from './provider.ts';

/**
 * vLLM, OpenRouter, OpenAI and whatever speaks as they do. `maxTokensField`: OpenAI itself refuses `max_tokens` for its
 * newer models; the others do not all know `max_completion_tokens`. `countsEachChunk`: vLLM alone is known to.
 */
export function openAiCompatible(style: Partial<BodyStyle> = {}): ProviderAdapter {
  const bodyStyle: BodyStyle = { maxTokensField: 'max_tokens', countsEachChunk: false, own: ownFields, ...style };
  return {
    generatePath: '/chat/completions',
    embedPath: '/embeddings',
    list: { path: '/models', read: readOpenAiList },
    basePath: (pathname) => pathname,
    credentials: bearer,
    generateBody: (model, request, account) => chatBody(model, request, bodyStyle, account.body),
    answer: (stream, redact, extras) => (stream ? new OpenAiStream(redact, extras) : new OpenAiWhole(redact, extras)),
    embedBody: (model, inputs) => JSON.stringify({ model, input: inputs, encoding_format: 'float' }),
    embeddings: readEmbeddings,
  };
}

export function bearer(_account: Account, key: string | undefined): string[] {
  return key === undefined ? [] : ['authorization', `Bearer ${key}`];
}

interface EmbeddingsBody {
  data?: { index?: number; embedding?: unknown }[];
  usage?: { prompt_tokens?: number };
  error?: unknown;
}

function readEmbeddings(text: string, inputs: readonly string[]): EmbedAnswer {
  const body = engineJson<EmbeddingsBody>(text, 'a body');
  if (body.error != null) throw frameFailure(body.error, unsaid);
  if (!Array.isArray(body.data) || body.data.length !== inputs.length)
    throw malformedFailure('another number of embeddings');
  const vectors = new Array<number[]>(inputs.length);
  body.data.forEach(({ index, embedding }, at) => {
    if (!Array.isArray(embedding)) throw malformedFailure('an embedding that is not an array');
    vectors[index ?? at] = embedding as number[];
  });
  if (vectors.includes(undefined as never)) throw malformedFailure('embeddings with wrong positions');
  return { vectors, usage: body.usage ? usageOf(body.usage) : undefined };
}

/** Where no key is at hand to look for in what was said. */
export const unsaid = (): string => 'The engine refused the request.';
