import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { describeWith, freePort } from '@flotilla/testkit';
import { findHelm } from './helm-binary.ts';
import type { Helm } from './helm.ts';
import { createHelm } from './helm.cli.ts';

const files = {
  'Chart.yaml': 'apiVersion: v2\nname: tiny\nversion: 0.1.0\n',
  'values.yaml': 'greeting: hello\n',
  'values.schema.json':
    '{"type":"object","additionalProperties":false,"properties":{"greeting":{"type":"string"},"global":{}}}',
  'templates/config.yaml':
    'apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {{ .Release.Name }}\n  namespace: {{ .Release.Namespace }}\ndata:\n  greeting: {{ .Values.greeting | quote }}\n  kubernetes: {{ .Capabilities.KubeVersion.Version }}\n  keda: {{ .Capabilities.APIVersions.Has "keda.sh/v1alpha1" | quote }}\n{{- if eq .Values.greeting "fail" }}{{ fail "greeting: be friendly" }}{{ end }}\n',
  'templates/hook.yaml':
    'apiVersion: batch/v1\nkind: Job\nmetadata:\n  name: first\n  annotations: { helm.sh/hook: pre-install }\nspec: {}\n',
};

describeWith(['helm'], 'the real helm', () => {
  let chart: string;
  let helm: Helm;
  const spec = () => ({ release: 'web', namespace: 'apps', chart });

  beforeAll(() => {
    chart = mkdtempSync(path.join(tmpdir(), 'flotilla-chart-'));
    mkdirSync(path.join(chart, 'templates'));
    for (const [name, text] of Object.entries(files)) writeFileSync(path.join(chart, name), text);
    helm = createHelm();
  });
  afterAll(() => rmSync(chart, { recursive: true, force: true }));

  it('says which it is', async () => {
    expect(await helm.version()).toMatch(/^v3\.\d+/);
  });

  it('renders a chart with its values, hooks too', async () => {
    const objects = await helm.template({ ...spec(), values: { greeting: 'yes' } });
    expect(objects.map(({ kind }) => kind).toSorted()).toEqual(['ConfigMap', 'Job']);
    const config = objects.find(({ kind }) => kind === 'ConfigMap')!;
    expect(config.metadata).toEqual({ name: 'web', namespace: 'apps' });
    expect(config.data).toEqual({ greeting: 'yes', kubernetes: 'v1.34.0', keda: 'false' });
    const hook = objects.find(({ kind }) => kind === 'Job')!;
    expect(hook.metadata.annotations).toEqual({ 'helm.sh/hook': 'pre-install' });
  });

  it('renders for the cluster that is named', async () => {
    const [config] = await helm.template(spec(), { kubeVersion: '1.31.2', apiVersions: ['keda.sh/v1alpha1'] });
    expect(config!.data).toMatchObject({ kubernetes: 'v1.31.2', keda: 'true' });
  });

  it("refuses values that the chart's schema does not take", async () => {
    const wrong = helm.template({ ...spec(), values: { greetings: 'hello' } });
    await expect(wrong).rejects.toMatchObject({
      kind: 'invalid_values',
      message: expect.stringContaining('greetings'),
    });
  });

  it('tells what a template refuses in its words', async () => {
    const wrong = helm.template({ ...spec(), values: { greeting: 'fail' } });
    await expect(wrong).rejects.toMatchObject({ kind: 'render', message: expect.stringContaining('be friendly') });
  });

  it('lints with what it found', async () => {
    expect(await helm.lint(chart)).toEqual({ ok: true, messages: ['[INFO] Chart.yaml: icon is recommended'] });
    const bad = await helm.lint(chart, { greeting: 7 });
    expect(bad.ok).toBe(false);
    expect(bad.messages.join()).toContain('[ERROR]');
  });

  it('says that a cluster does not answer', async () => {
    const kubeconfig = path.join(chart, 'kubeconfig');
    const server = `http://127.0.0.1:${await freePort()}`;
    writeFileSync(
      kubeconfig,
      JSON.stringify({
        ...{ apiVersion: 'v1', kind: 'Config', 'current-context': 'x' },
        clusters: [{ name: 'x', cluster: { server } }],
        contexts: [{ name: 'x', context: { cluster: 'x', user: 'x' } }],
        users: [{ name: 'x', user: {} }],
      }),
    );
    const away = createHelm({ kubeconfig });
    await expect(away.install(spec())).rejects.toMatchObject({ kind: 'unreachable' });
    await expect(away.status(spec())).rejects.toMatchObject({ kind: 'unreachable' });
  });
});

describe('the choice of a helm', () => {
  it('takes the one that is named, and no other when that is not there', () => {
    expect(findHelm({ FLOTILLA_HELM: '/bin/sh', PATH: '/usr/bin' })).toBe('/bin/sh');
    expect(findHelm({ FLOTILLA_HELM: '/nowhere/helm', PATH: process.env.PATH })).toBeUndefined();
  });

  it('finds none where there is none', () => {
    expect(findHelm({ FLOTILLA_TOOLS_DIR: '/nowhere', PATH: '/nowhere' })).toBeUndefined();
  });
});
