import { FlotillaError } from '@flotilla/kernel';
import { AnthropicStream, AnthropicWhole } from './anthropic-answer.ts';
import { anthropicBody } from './anthropic-request.ts';
import { malformedFailure } from './engine-errors.ts';
import { readAnthropicList } from './model-lists.ts';
import type { ProviderAdapter } from './provider.ts';

/** The version of the API that the adapter speaks (docs.anthropic.com, "Versions"). */
const version = '2023-06-01';

/** Anthropic's Messages API. */
export const anthropic: ProviderAdapter = {
  generatePath: '/messages',
  embedPath: '',
  list: { path: '/models?limit=1000', read: readAnthropicList },
  basePath: (pathname) => pathname,
  credentials: (_account, key) => [...(key === undefined ? [] : ['x-api-key', key]), ...['anthropic-version', version]],
  generateBody: anthropicBody,
  answer: (stream, redact, extras) =>
    stream ? new AnthropicStream(redact, extras) : new AnthropicWhole(redact, extras),
  embedBody() {
    throw new FlotillaError('capability_mismatch', 'This provider makes no embeddings. Name a model that does.', {
      details: { param: 'model' },
    });
  },
  embeddings() {
    throw malformedFailure('embeddings that nobody asked for');
  },
};
