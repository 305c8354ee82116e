import { describe, expect, it } from '@jest/globals';
import { liveValue } from '../live.ts';
import { isAuto, listsModel } from '../model-names.ts';
import { ModelPrices } from '../model-prices.ts';
import { parsePlatformFile } from './platform-file.ts';

describe('the section routing', () => {
  it('has three policies to begin with, each of which the file may replace as a whole', () => {
    expect(Object.keys(parsePlatformFile('').routing.policies)).toEqual(['cheap', 'balanced', 'best']);
    const { policies } = parsePlatformFile('routing: { policies: { cheap: {}, mine: { org: acme } } }').routing;
    expect(policies['cheap']).toEqual({ cost_weight: 0.5, quality_floor: 0, tasks: {} });
    expect(policies['best']?.cost_weight).toBe(0);
    expect(policies['mine']?.org).toBe('acme');
  });

  it.each([
    ['routing: { default_policy: nope }', 'routing.default_policy: there is no policy "nope"'],
    ['routing: { org_policies: { acme: nope } }', 'routing.org_policies.acme: there is no policy "nope"'],
    ['routing: { policies: { a: { org: x } }, default_policy: a }', 'default_policy: the policy "a" is another\'s'],
    [
      'routing: { policies: { a: { org: x } }, org_policies: { y: a } }',
      'org_policies.y: the policy "a" is another\'s',
    ],
    ['routing: { policies: { "a b": {} } }', 'routing.policies'],
    ['routing: { rules: [{ when: {} }] }', 'a rule says a model or a task'],
    ['routing: { rules: [{ when: { task: [code] }, task: math }] }', 'cannot ask for it'],
    ['routing: { rules: [{ when: { task: [cooking] }, model: m }] }', 'routing.rules.0.when.task.0'],
    ['routing: { candidates: { m: { quality: { code: 3 } } } }', 'routing.candidates.m.quality.code'],
  ])('%s is refused: %s', (text, message) => {
    expect(() => parsePlatformFile(text)).toThrow(message);
  });
});

describe('the name of a model', () => {
  it('is one of a list by itself or by a prefix', () => {
    expect(['a', 'org/b', 'c'].map((name) => listsModel(['a', 'org/*'], name))).toEqual([true, true, false]);
  });

  it('is auto alone or before a colon', () => {
    expect(['auto', 'auto:x', 'autox', 'Auto'].map(isAuto)).toEqual([true, true, false, false]);
  });

  it('auto is priced as the dearest, so that no budget is overdrawn by what it chooses', () => {
    const model = (name: string, price: string) => `{ name: ${name}, targets: [{ provider: p }]${price} }`;
    const prices = new ModelPrices(
      liveValue(
        parsePlatformFile(
          `models: [${model('a', ', price: { input: 1, output: 9 }')}, ${model('b', ', price: { input: 2, output: 3 }')}, ${model('c', '')}]`,
        ),
      ),
    );
    expect(prices.of('auto:cheap')).toEqual({ input: 2, output: 9 });
    expect(new ModelPrices(liveValue(parsePlatformFile(''))).of('auto')).toBeUndefined();
  });
});
