import { describe, expect, it } from '@jest/globals';
import { costMicros, ModelPrices } from './model-prices.ts';
import { liveValue } from './live.ts';
import { parsePlatformFile } from './platform/platform-file.ts';

const fileWith = (output: number) =>
  parsePlatformFile(`
models:
  - { name: m, targets: [{ provider: p }], price: { input: 0.5, output: ${output} } }
  - { name: free, targets: [{ provider: p }] }`);

describe('the prices of models', () => {
  it('follow the file, and are nothing where it says nothing', () => {
    const file = liveValue(fileWith(2));
    const prices = new ModelPrices(file);
    const used = { promptTokens: 10, completionTokens: 3 };
    expect(costMicros(used, prices.of('m'))).toBe(11);
    expect(costMicros(used, prices.of('free'))).toBe(0);
    expect(costMicros(used, prices.of('unknown'))).toBe(0);
    file.set(fileWith(4));
    expect(costMicros(used, prices.of('m'))).toBe(17);
  });

  it('are the model’s for its aliases and adapters, and the dearest for a part that any may play', () => {
    const file = parsePlatformFile(`
models:
  - { name: m, aliases: [fast], adapters: [{ name: sql }], targets: [{ provider: p }], price: { input: 1, output: 2 } }
  - { name: n, targets: [{ provider: p }, { provider: q, price: { input: 3, output: 1 } }] }`);
    const prices = new ModelPrices(liveValue(file));
    expect([prices.of('fast'), prices.of('sql'), prices.of('n'), prices.of('role:chat')]).toEqual([
      { input: 1, output: 2 },
      { input: 1, output: 2 },
      { input: 3, output: 1 },
      { input: 3, output: 2 },
    ]);
  });
});
