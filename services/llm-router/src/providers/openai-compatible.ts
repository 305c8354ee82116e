import { frameFailure, malformedFailure } from './engine-errors.ts';
import { OpenAiStream, OpenAiWhole, usageOf } from './openai-answer.ts';
import { chatBody, type BodyStyle } from './openai-request.ts';
import type { EmbedAnswer, ProviderAdapter } from './provider.ts';

/**
 * vLLM, OpenRouter, OpenAI and whatever speaks as they do. `maxTokensField`: OpenAI itself refuses `max_tokens` for its
 * newer models; the others do not all know `max_completion_tokens`. `countsEachChunk`: vLLM alone is known to.
 */
export function openAiCompatible(style: BodyStyle): ProviderAdapter {
  return {
    generatePath: '/chat/completions',
    embedPath: '/embeddings',
    basePath: (pathname) => pathname,
    generateBody: (model, request) => chatBody(model, request, style),
    answer: (stream) => (stream ? new OpenAiStream() : new OpenAiWhole()),
    embedBody: (model, inputs) => JSON.stringify({ model, input: inputs, encoding_format: 'float' }),
    embeddings: readEmbeddings,
  };
}

interface EmbeddingsBody {
  data?: { index?: number; embedding?: unknown }[];
  usage?: { prompt_tokens?: number };
  error?: unknown;
}

function readEmbeddings(text: string, inputs: readonly string[]): EmbedAnswer {
  const body = parse(text);
  if (body.error != null) throw frameFailure(body.error);
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

function parse(text: string): EmbeddingsBody {
  try {
    return (JSON.parse(text) as EmbeddingsBody | null) ?? {};
  } catch (cause) {
    throw malformedFailure('a body that is not JSON', cause);
  }
}
