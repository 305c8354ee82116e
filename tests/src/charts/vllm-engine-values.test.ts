import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describeWith } from '@flotilla/testkit';
import { expect, it } from '@jest/globals';
import { parse } from 'yaml';
import { root } from './flotilla.fixture.ts';
import { byController, engineChart, least, renderEngine } from './vllm-engine.fixture.ts';

describeWith(['helm'], 'the values of charts/vllm-engine', () => {
  it.each([
    ['a value that is not there', { ...least, replica: 2 }, 'invalid_values', 'replica'],
    ['a source that is not there', { source: { ftp: {} } }, 'invalid_values', 'ftp'],
    ['a path out of the volume', { source: { pvc: { claim: 'a', path: '../b' } } }, 'invalid_values', 'path'],
    ['memory that is no quantity', { ...least, profile: { memory: 'lots' } }, 'invalid_values', 'memory'],
    ['no GPU', { ...least, profile: { count: 0 } }, 'invalid_values', 'count'],
    ['an autoscaler that is not there', { ...least, autoscaling: { kind: 'magic' } }, 'invalid_values', 'kind'],
    ['no source', {}, 'render', 'name exactly one of hub, pvc, s3, image (given: none)'],
    ['two sources', { source: { hub: { repo: 'a/b' }, pvc: { claim: 'c' } } }, 'render', '(given: hub, pvc)'],
    [
      'an autoscaler beside the controller',
      { ...least, ...byController, autoscaling: { kind: 'hpa' } },
      'render',
      'leave it at none',
    ],
    [
      'a count beside the autoscaler',
      { ...least, replicas: 2, autoscaling: { kind: 'hpa' } },
      'render',
      'the autoscaler sets it',
    ],
    ['prefetch into nothing', { ...least, cache: { prefetch: true } }, 'render', 'or what is fetched is lost'],
  ])('refuses %s', async (_what, values, kind, message) => {
    await expect(renderEngine(values)).rejects.toMatchObject({ kind, message: expect.stringContaining(message) });
  });

  it('calls things as the Model does', () => {
    const ofModel = (
      parse(readFileSync(path.join(root, 'charts/flotilla/files/models.fleet.flotilla.dev.yaml'), 'utf8')) as Crd
    ).spec.versions[0]!.schema.openAPIV3Schema.properties!['spec']!.properties!;
    const ofChart = (JSON.parse(readFileSync(path.join(engineChart, 'values.schema.json'), 'utf8')) as Schema)
      .properties!;
    // What is about the fleet's decisions is none of a pod's business.
    const notPods = new Set(['costPerHour', 'tokensPerSecond', 'maxReplicas', 'minReplicas']);
    const unknown = (model: Schema, chart: Schema | undefined, where: string): string[] => {
      if (!chart) return [where];
      if (model.items) return unknown(model.items, chart.items, `${where}[]`);
      const names = Object.entries(model.properties ?? {}).filter(([name]) => !notPods.has(name));
      return names.flatMap(([name, field]) => unknown(field, chart.properties?.[name], `${where}.${name}`));
    };
    const parts = ['engine', 'source', 'cache', 'adapters', 'replicas', 'startTimeoutSeconds', 'drainSeconds'];
    expect(parts.flatMap((part) => unknown(ofModel[part]!, ofChart[part], part))).toEqual([]);
    expect(unknown(ofModel['profiles']!.items!, ofChart['profile'], 'profile')).toEqual([]);
  });
});

interface Schema {
  properties?: Record<string, Schema>;
  items?: Schema;
}

interface Crd {
  spec: { versions: { schema: { openAPIV3Schema: Schema } }[] };
}
