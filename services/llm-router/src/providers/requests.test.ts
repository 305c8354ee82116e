import { describe, expect, it } from '@jest/globals';
import { providerSchema } from '@flotilla/kernel';
import { defaults } from '../config.ts';
import { generateRequest } from '../router.fixture.ts';
import { Account } from './account.ts';
import { adapterFor } from './adapters.ts';

/** The body that an engine of the provider is sent. */
function bodyOf(provider: Parameters<typeof providerSchema.parse>[0], parameters: object, maxTokens = 0) {
  const { kind, ...entry } = providerSchema.parse({ name: 'p', ...(provider as object) });
  const account = new Account({ kind, ...entry }, defaults);
  const baseUrl = entry.base_url ?? 'http://e';
  const facts = { id: 'e', provider: 'p', kind, baseUrl, ready: true, models: [], waiting: 0, since: 0 };
  const request = generateRequest({ parametersJson: JSON.stringify(parameters), maxTokens });
  return JSON.parse(adapterFor(facts, account).generateBody('m', request, account));
}

describe('OpenRouter', () => {
  it('is led to other models and providers by the file alone', () => {
    const body = { provider: { order: ['a'], allow_fallbacks: false }, models: ['m', 'n'], transforms: ['middle-out'] };
    const asked = { models: ['dear/one'], route: 'fallback', preset: 'x', provider: { order: ['b'] }, top_k: 4 };
    expect(bodyOf({ kind: 'openrouter', body }, asked)).toMatchObject({ ...body, top_k: 4 });
    const free = bodyOf({ kind: 'openrouter' }, asked);
    expect(Object.keys(free)).not.toEqual(expect.arrayContaining(['models']));
    expect([free.models, free.route, free.preset]).toEqual([undefined, undefined, undefined]);
    expect(free.provider).toEqual({ order: ['b'] });
  });
});

describe('Ollama', () => {
  it('is told how long to keep the model, and the options of the file, but never more tokens than may be used', () => {
    const body = { options: { num_ctx: 8_192, num_predict: 1e6, temperature: 0.1 }, raw: false };
    expect(bodyOf({ kind: 'ollama', keep_alive: '30m', body }, { temperature: 0.9, keep_alive: -1 }, 16)).toMatchObject(
      {
        keep_alive: '30m',
        raw: false,
        options: { num_ctx: 8_192, num_predict: 16, temperature: 0.1 },
      },
    );
  });

  it.each([
    ['none', false],
    ['minimal', 'low'],
    ['high', 'high'],
    [undefined, undefined],
  ])('thinks with the effort %s', (effort, think) => {
    expect(bodyOf({ kind: 'ollama' }, { reasoning_effort: effort }).think).toEqual(think);
  });
});

describe('OpenAI itself', () => {
  it('is told the limit in its newer word, others in the one they all know', () => {
    const limit = (base_url: string) => bodyOf({ kind: 'openai', base_url }, {}, 9);
    expect(limit('https://api.openai.com/v1')).toMatchObject({ max_completion_tokens: 9 });
    expect(limit('https://openai.com.example/v1')).toMatchObject({ max_tokens: 9 });
  });
});
