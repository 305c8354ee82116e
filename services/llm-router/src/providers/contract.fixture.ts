import { startFakeEngine, type FakeEngine } from '../fake-engine.fixture.ts';
import type { RouterConfig } from '../index.ts';
import { startRouter, type Started } from '../router.fixture.ts';
import type { Dialect } from './dialects/dialect.fixture.ts';

export const key = 'sk-or-the-platforms-own-key';

export interface Contracted {
  fake: FakeEngine;
  router: Started;
  stop(): Promise<void>;
}

/** A router whose only provider, `p`, is a fake that speaks the dialect and serves the model `m`. */
export async function contracted(
  dialect: Dialect,
  provider: object = {},
  config: Partial<RouterConfig> = {},
): Promise<Contracted> {
  const fake = await startFakeEngine(() => undefined);
  const entry = {
    ...{ name: 'p', base_url: fake.url + dialect.suffix, api_key_env: 'KEY' },
    ...dialect.provider,
    ...provider,
  };
  const models = [
    { name: 'm', targets: [{ provider: 'p', model: 'm' }], capabilities: ['chat', 'embeddings', 'vision', 'tools'] },
  ];
  const router = await startRouter({ file: { providers: [entry as never], models }, env: { KEY: key }, config });
  return {
    fake,
    router,
    async stop() {
      await router.stop();
      await fake.stop();
    },
  };
}
