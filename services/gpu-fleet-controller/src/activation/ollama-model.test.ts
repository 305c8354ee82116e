import { expect, it } from '@jest/globals';
import { providerSchema } from '@flotilla/kernel';
import { createFakeClock } from '@flotilla/testkit';
import { OllamaModel } from './ollama-model.ts';
import type { OnDemand } from './unit.ts';

const onDemand: OnDemand = {
  ...{ label: 'ollama:m', models: ['m'], shares: false, ollamaModel: 'm', allowed: true },
  ...{ startTimeoutMs: 10_000, idleStopMs: 0, minUpMs: 0, drainMs: 0 },
};

it('a look that began before a model was loaded, or let go, says nothing of it when it ends after', async () => {
  const clock = createFakeClock();
  const looks: PromiseWithResolvers<string[]>[] = [];
  const control = {
    loaded: () => (looks.push(Promise.withResolvers()), looks.at(-1)!.promise),
    ...{ load: async () => undefined, unload: async () => undefined, close: async () => undefined },
  };
  const provider = providerSchema.parse({ name: 'p', kind: 'ollama', base_url: 'http://127.0.0.1:9' });
  const config = { probeIntervalMs: 1_000, probeTimeoutMs: 60_000 };
  const ports = { clock, control, secret: () => undefined, changed: () => undefined };
  const model = new OllamaModel({ id: 'p/m', provider, onDemand }, config, ports);
  const state = () => model.view().state;
  /** The look under way ends; the next one begins. */
  const ends = async (loaded: string[]) => {
    looks.at(-1)!.resolve(loaded);
    await clock.advanceAsync(1_000);
  };

  model.open();
  await model.start(new AbortController().signal);
  await ends([]);
  expect(state()).toBe('ready');
  await model.stop();
  await ends(['m']);
  expect(state()).toBe('stopped');
  await ends(['m']);
  expect(state()).toBe('ready');
  await model.close();
});
