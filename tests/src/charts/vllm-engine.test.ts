import { createHelm } from '@flotilla/helm';
import { describeWith } from '@flotilla/testkit';
import { describe, expect, it } from '@jest/globals';
import { byController, engineChart, find, least, renderEngine, templatesOf, variants } from './vllm-engine.fixture.ts';

describeWith(['helm'], 'charts/vllm-engine', () => {
  describe.each(Object.entries(variants))('with %s', (_name, values) => {
    it('passes lint and makes pods that a restricted namespace lets in', async () => {
      expect(
        (await createHelm().lint(engineChart, values)).messages.filter((line) => !line.startsWith('[INFO]')),
      ).toEqual([]);
      const templates = templatesOf(await renderEngine(values));
      expect(templates.length).toBeGreaterThan(0);
      for (const { spec } of templates) {
        expect(spec.securityContext).toMatchObject({ runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } });
        expect(spec.automountServiceAccountToken).toBe(false);
        for (const field of ['hostNetwork', 'hostPID', 'hostIPC']) expect(spec).not.toHaveProperty(field);
        for (const { securityContext, resources } of spec.containers) {
          expect(securityContext).toMatchObject({ allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } });
          expect(resources.requests).toBeDefined();
        }
        expect(spec.volumes?.filter((volume) => 'hostPath' in volume)).toEqual([]);
        const volumes = new Set(spec.volumes?.map(({ name }) => name));
        expect(spec.containers[0]!.volumeMounts!.filter(({ name }) => !volumes.has(name))).toEqual([]);
      }
    });
  });

  it('finds its pods by what they are labelled with, and no pod of the Job', async () => {
    const objects = await renderEngine(variants['a shared cache, filled ahead']!);
    const { template, selector } = find(objects, 'Deployment')!.spec as {
      template: { metadata: { labels: object } };
      selector: { matchLabels: object };
    };
    const service = find(objects, 'Service')!.spec as { selector: Record<string, string>; clusterIP: string };
    expect(template.metadata.labels).toMatchObject(selector.matchLabels);
    expect(template.metadata.labels).toMatchObject(service.selector);
    expect(service.clusterIP).toBe('None');
    const job = templatesOf([find(objects, 'Job')!])[0]!;
    expect(job.metadata.labels).not.toMatchObject({
      'app.kubernetes.io/name': service.selector['app.kubernetes.io/name'],
    });
    expect(job.metadata.labels).not.toHaveProperty('fleet.flotilla.dev/model');
  });

  it('makes objects that versions and profiles share the same for each', async () => {
    const version = (revision: string, hosts: number) =>
      renderEngine({
        ...least,
        ...byController,
        revision,
        workload: `h100-${revision}`,
        profile: { name: 'h100', hosts },
      });
    const versions = await Promise.all([version('0a1b2c3d', 1), version('4e5f6a7b', 1), version('4e5f6a7b', 2)]);
    const workloads = ['Deployment', 'LeaderWorkerSet'];
    const [one, ...others] = versions.map((objects) => objects.filter(({ kind }) => !workloads.includes(kind)));
    expect(others).toEqual([one, one]);
    const [a, b] = versions.slice(0, 2).map((objects) => find(objects, 'Deployment')!);
    expect([a!.metadata.name, b!.metadata.name]).toEqual(['qwen-h100-0a1b2c3d', 'qwen-h100-4e5f6a7b']);
    expect((a!.spec as { selector: object }).selector).not.toEqual((b!.spec as { selector: object }).selector);
    expect(a!.metadata.labels).toMatchObject({
      'app.kubernetes.io/managed-by': 'flotilla-fleet',
      'fleet.flotilla.dev/revision': '0a1b2c3d',
    });
  });

  it('lets only the platform talk to engines, and the hosts of a group to each other', async () => {
    const { ingress } = find(await renderEngine(least), 'NetworkPolicy')!.spec as { ingress: { from: object[] }[] };
    expect(ingress.flatMap(({ from }) => from)).toEqual([
      {
        namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'models' } },
        podSelector: { matchLabels: { 'app.kubernetes.io/part-of': 'flotilla' } },
      },
      {
        podSelector: { matchLabels: { 'app.kubernetes.io/name': 'vllm-engine', 'app.kubernetes.io/instance': 'qwen' } },
      },
    ]);
  });

  it.each([
    ['HorizontalPodAutoscaler', 'an HPA', 'Deployment'],
    ['ScaledObject', 'KEDA over two hosts', 'LeaderWorkerSet'],
  ])('makes a %s when asked, of what it scales', async (kind, variant, target) => {
    const objects = await renderEngine(variants[variant]!);
    expect(find(objects, kind)!.spec).toMatchObject({
      scaleTargetRef: { kind: target, name: find(objects, target)!.metadata.name },
    });
    expect(find(await renderEngine(least), kind)).toBeUndefined();
  });
});
