import { describe, expect, it } from '@jest/globals';
import { modelOf, type SpecInput } from './model.fixture.ts';
import { parseModel } from './parsed-model.ts';
import { noDefaults, revisionOf, shapeOf } from './shape.ts';
import { valuesOf } from './values.ts';

const revision = (spec: SpecInput = {}, chart = '1.0.0', defaults = noDefaults) =>
  revisionOf(shapeOf('llama', modelOf(spec).spec), chart, defaults);

describe('the version of a Model', () => {
  it('is eight digits that stay the same, whatever the order of the fields', () => {
    expect(revision()).toMatch(/^[0-9a-f]{8}$/);
    expect(revision({ profiles: [{ name: 'l40s', count: 2, memory: '8Gi' }] })).toBe(
      revision({ profiles: [{ memory: '8Gi', count: 2, name: 'l40s' }] }),
    );
  });

  it.each<[string, SpecInput]>([
    ['an image', { engine: { image: 'vllm:2' } }],
    ['an argument', { engine: { args: ['--max-model-len', '8192'] } }],
    ['weights', { source: { hub: { repo: 'meta/llama', revision: 'v2' } } }],
    ['hardware', { profiles: [{ name: 'l40s', count: 2 }] }],
    ['a cache', { cache: { size: '10Gi' } }],
    ['a first adapter', { adapters: [{ name: 'legal', path: '/a' }] }],
    ['sleep', { scaling: { idle: { sleepSeconds: 60 } } }],
    ['the name it serves', { servedName: 'other' }],
  ])('is another one with another %s', (_what, spec) => {
    expect(revision(spec)).not.toBe(revision());
  });

  it('is another one with another chart, and with other defaults of the site', () => {
    expect(revision({}, '1.0.1')).not.toBe(revision());
    expect(revision({}, '1.0.0', { ...noDefaults, image: 'vllm:3' })).not.toBe(revision());
  });

  it.each<[string, SpecInput]>([
    ['replicas', { replicas: 3 }],
    ['scaling', { scaling: { maxReplicas: 9, idle: { zeroSeconds: 5 } } }],
    ['rollout', { rollout: { strategy: 'InPlace' } }],
    ['a price', { profiles: [{ name: 'l40s', costPerHour: 3, tokensPerSecond: 900, maxReplicas: 2 }] }],
  ])('is the same with other %s', (_what, spec) => {
    expect(revision(spec)).toBe(revision());
  });

  it('is the same with one adapter more', () => {
    const legal = { name: 'legal', path: '/a' };
    expect(revision({ adapters: [legal, { name: 'code', path: '/b' }] })).toBe(revision({ adapters: [legal] }));
  });
});

describe('the values of a Model', () => {
  const shape = shapeOf('llama', modelOf({ engine: { args: ['--x'] } }).spec);
  const group = { profile: 'l40s', revision: 'abc' };

  it('name the workload, and leave to the chart what nobody says', () => {
    const values = valuesOf('llama', shape, group, {
      ...noDefaults,
      args: ['--first'],
      values: { labels: { team: 'a' } },
    })!;
    expect(values).toMatchObject({ workload: 'l40s-abc', model: 'llama', engine: { args: ['--first', '--x'] } });
    expect(values.labels).toEqual({
      team: 'a',
      'fleet.flotilla.dev/model': 'llama',
      'app.kubernetes.io/managed-by': 'flotilla-fleet',
    });
    expect(values).not.toHaveProperty('replicas');
    expect(values.engine).not.toHaveProperty('image');
  });

  it('are none for a profile that the version does not know', () => {
    expect(valuesOf('llama', shape, { ...group, profile: 'h100' }, noDefaults)).toBeUndefined();
  });
});

describe('a Model that the API let through', () => {
  it('gets its defaults', () => {
    const { spec, ...rest } = modelOf();
    const parsed = parseModel({ ...rest, spec: { source: spec.source, profiles: [{ name: 'l40s' }] } } as never);
    expect(parsed).toMatchObject({ model: { spec: { scaling: { maxReplicas: 1 } } } });
    expect(parsed.problem).toBeUndefined();
  });

  it.each<[string, SpecInput & Record<string, unknown>, RegExp]>([
    [
      'two sources',
      { source: { hub: { repo: 'a' }, pvc: { claim: 'b' } } },
      /exactly one of hub, pvc, s3 and image, not 2/,
    ],
    [
      'a minimum above the maximum',
      { scaling: { minReplicas: 3, maxReplicas: 2 } },
      /minReplicas 3 is above maxReplicas 2/,
    ],
    ['two profiles of one name', { profiles: [{ name: 'a' }, { name: 'a' }] }, /spec.profiles: "a" is there twice/],
    ['no profile', { profiles: [] }, /spec.profiles/],
  ])('is told what is wrong with %s', (_what, spec, words) => {
    const { spec: good, ...rest } = modelOf();
    expect(parseModel({ ...rest, spec: { ...good, ...spec } } as never).problem).toMatch(words);
  });
});
