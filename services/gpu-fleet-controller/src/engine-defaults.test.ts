import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createHelm } from '@flotilla/helm';
import { describeWith } from '@flotilla/testkit';
import { afterAll, expect, it } from '@jest/globals';
import { fleetConfigSchema } from './config.ts';
import { engineDefaults } from './engine-defaults.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'flotilla-values-'));
afterAll(() => rmSync(folder, { recursive: true }));
const chart = path.resolve(import.meta.dirname, '../../../charts/vllm-engine');

/** Who reaches the engines of a Model in the namespace `research`, by the policy that its chart renders. */
async function letIn(given: object): Promise<unknown> {
  const engineValues = path.join(folder, 'values.yaml');
  writeFileSync(engineValues, JSON.stringify(given));
  const { values } = await engineDefaults({ engineValues, engineImage: undefined, engineArgs: [] }, 'platform');
  const source = { model: 'llama', source: { hub: { repo: 'a/b' } }, profile: { name: 'gpu' } };
  const objects = await createHelm().template({
    ...{ release: 'llama', namespace: 'research', chart, values: { ...source, ...values } },
  });
  const { spec } = objects.find(({ kind }) => kind === 'NetworkPolicy')!;
  return (spec as { ingress: { from: object[] }[] }).ingress[0]!.from[0];
}

describeWith(['helm'], 'engines in a namespace of their own', () => {
  it('let the platform of its namespace in', async () => {
    expect(await letIn({ imagePullSecrets: [{ name: 'registry' }] })).toEqual({
      namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'platform' } },
      podSelector: { matchLabels: { 'app.kubernetes.io/part-of': 'flotilla' } },
    });
  });

  it('let another in where the values say so', async () => {
    expect(await letIn({ networkPolicy: { platformNamespace: 'edge' } })).toMatchObject({
      namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'edge' } },
    });
  });
});

it('gives engines arguments that are split at blanks, so that JSON stays whole', () => {
  const { engineArgs } = fleetConfigSchema.parse({
    engineArgs: ' --seed=1  --limit-mm-per-prompt={"image":2,"video":0} ',
  });
  expect(engineArgs).toEqual(['--seed=1', '--limit-mm-per-prompt={"image":2,"video":0}']);
  expect(fleetConfigSchema.parse({}).engineArgs).toEqual([]);
});
