import type { Account } from './account.ts';
import { bearer, openAiCompatible } from './openai-compatible.ts';
import { ownFieldsAnd } from './parameters.ts';
import type { ProviderAdapter } from './provider.ts';

/**
 * OpenRouter (openrouter.ai/docs). Its fields that lead a request to other models are the platform's to set, in the
 * provider's `body`: a client that could would be answered, and billed, by a model that its name did not resolve to.
 */
export const openrouter: ProviderAdapter = {
  ...openAiCompatible({ own: ownFieldsAnd('models', 'route', 'preset') }),
  credentials: (account, key) => [...bearer(account, key), ...appOf(account)],
};

function appOf({ provider }: Account): string[] {
  if (!provider?.app) return [];
  const { name, url } = provider.app;
  return [...(url === undefined ? [] : ['http-referer', url]), 'x-title', name];
}
