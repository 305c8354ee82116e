import { describe, expect, it } from '@jest/globals';
import { parsePlatformFile } from './platform-file.ts';

const arms = 'arms: [{ name: old, weight: 9 }, { name: new, model: b/n, weight: 1 }]';
const start = 'providers: [{ name: b, kind: vllm }]\nmodels: [{ name: m, targets: [{ provider: b }] }]\n';
const parse = (experiment: string) =>
  parsePlatformFile(`${start}experiments: [{ name: x, models: [m], ${experiment} }]`);

describe('experiments in the platform file', () => {
  it('are none by default', () => {
    expect(parsePlatformFile('')).toMatchObject({ experiments: [], mirrors: [] });
  });

  it('keep a unit with its arm and watch a canary by sound margins unless told otherwise', () => {
    expect(parse(`${arms}, canary: { arm: new, control: old }`).experiments[0]).toMatchObject({
      unit: 'user',
      canary: { window_s: 300, min_requests: 50, error_margin: 0.02, first_token_ratio: 1.5 },
    });
  });

  it.each([
    ['arms: [{ name: a, weight: 1 }, { name: a, weight: 1 }]', 'two arms have one name'],
    ['arms: [{ name: a, weight: 0 }, { name: b, weight: 0 }]', 'no arm has a weight'],
    [`${arms}, canary: { arm: gone, control: old }`, 'experiments.0.canary.arm: there is no arm "gone"'],
    [`${arms}, canary: { arm: old, control: old }`, 'not held against itself'],
    [`${arms}, from: 2026-02-01T00:00:00Z, until: 2026-01-01T00:00:00Z`, 'it ends before it begins'],
    [`${arms}, from: soon`, 'experiments.0.from'],
    ['arms: [{ name: a, weight: 1 }, { name: b, model: gone, weight: 1 }]', 'experiments.x: "gone" is neither'],
  ])('are refused where they make no sense: %s', (experiment, problem) => {
    expect(() => parse(experiment)).toThrow(problem);
  });

  it('mirror to a model that is there', () => {
    expect(() => parsePlatformFile(`${start}mirrors: [{ name: y, models: [m], to: gone }]`)).toThrow(
      'mirrors.y: "gone"',
    );
    expect(parsePlatformFile(`${start}mirrors: [{ name: y, models: [m], to: b/n }]`).mirrors[0]).toMatchObject({
      share: 0.05,
      max_concurrent: 4,
    });
  });
});
