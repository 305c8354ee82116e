import { afterEach, describe, expect, it } from '@jest/globals';
import { answers, startFakeEngine, type FakeEngine } from '../fake-engine.fixture.ts';
import { engine, generateRequest, startRouter, textOf, type Started } from '../router.fixture.ts';

let fake: FakeEngine;
let router: Started;
afterEach(async () => {
  await router.stop();
  await fake.stop();
});
const personas = [{ name: 'ada', model: 'llama', system_prompt: 'You are Ada.' }];
const [plain] = generateRequest().messages;

async function over(more: object = {}) {
  fake = await startFakeEngine(answers('fine'));
  const file = { providers: [{ name: 'p', kind: 'vllm' as const, base_url: `${fake.url}/v1`, personas, ...more }] };
  const engines = [engine('e', `${fake.url}/v1`, ['llama'], { provider: 'p' })];
  router = await startRouter({ file, engines });
}

describe('a persona', () => {
  it('is its provider’s model with the persona’s prompt', async () => {
    await over();
    expect(textOf(await router.generate({ model: 'p/ada' }))).toBe('fine');
    expect(fake.seen[0]!.body).toMatchObject({
      model: 'llama',
      messages: [
        { role: 'system', content: 'You are Ada.' },
        { role: 'user', content: 'hello' },
      ],
    });
  });

  it('speaks before the client’s own system prompt, in one message', async () => {
    await over();
    await router.generate({ model: 'p/ada', messages: [{ ...plain!, role: 'system', content: 'Be brief.' }, plain!] });
    expect(fake.seen[0]!.body.messages).toEqual([
      { role: 'system', content: 'You are Ada.\n\nBe brief.' },
      { role: 'user', content: 'hello' },
    ]);
  });

  it('leaves the model itself as it is, and is not known without its provider', async () => {
    await over();
    await router.generate({ model: 'p/llama' });
    expect(fake.seen[0]!.body.messages).toHaveLength(1);
    await expect(router.generate({ model: 'ada' })).rejects.toMatchObject({ code: 'model_not_found' });
  });
});
