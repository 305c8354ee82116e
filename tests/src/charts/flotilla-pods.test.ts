import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { Values } from '@flotilla/helm';
import { describeWith } from '@flotilla/testkit';
import { describe, expect, it } from '@jest/globals';
import {
  everything,
  minimal,
  ofKind,
  podsOf,
  render,
  renderings,
  root,
  services,
  type Container,
} from './flotilla.fixture.ts';

const seconds = (container: Container, name: string) =>
  Number(container.env!.find((variable) => variable.name === name)!.value) / 1_000;

describeWith(['helm'], 'the pods of charts/flotilla', () => {
  describe.each(renderings())('with %s', (_name, values) => {
    it('are let into a namespace of the standard "restricted"', async () => {
      const pods = podsOf(await render(values));
      expect(pods.length).toBeGreaterThan(7);
      for (const { spec } of pods) {
        expect(spec.securityContext).toMatchObject({ runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } });
        for (const field of ['hostNetwork', 'hostPID', 'hostIPC']) expect(spec).not.toHaveProperty(field);
        for (const volume of spec.volumes ?? []) expect(volume).not.toHaveProperty('hostPath');
        for (const container of [...spec.containers, ...(spec.initContainers ?? [])]) {
          expect(container.securityContext).toMatchObject({
            allowPrivilegeEscalation: false,
            readOnlyRootFilesystem: true,
            capabilities: { drop: ['ALL'] },
          });
        }
      }
    });

    it('say what they need, and mount only volumes that they have', async () => {
      for (const { spec } of podsOf(await render(values))) {
        const volumes = new Set((spec.volumes ?? []).map(({ name }) => name));
        for (const { name, resources, volumeMounts = [] } of spec.containers) {
          expect([
            name,
            resources.requests?.['cpu'],
            resources.requests?.['memory'],
            resources.limits?.['memory'],
          ]).toEqual([name, expect.any(String), expect.any(String), expect.any(String)]);
          const missing = volumeMounts.filter((mount) => !volumes.has(mount.name)).map((mount) => mount.name);
          expect(missing.filter((mount) => mount !== 'data')).toEqual([]);
        }
      }
    });

    it('have longer to end than they say not ready and drain', async () => {
      const deployments = podsOf(ofKind(await render(values), 'Deployment'));
      expect(deployments).toHaveLength(services.length);
      for (const { spec } of deployments) {
        const [container] = spec.containers;
        const notReady = seconds(container!, 'FLOTILLA_NOT_READY_MS');
        expect(notReady).toBeGreaterThanOrEqual(5);
        expect(spec.terminationGracePeriodSeconds!).toBeGreaterThan(
          notReady + seconds(container!, 'FLOTILLA_DRAIN_MS'),
        );
      }
    });

    it('are given settings that there are', async () => {
      const reference = readFileSync(path.join(root, 'docs/reference/config.md'), 'utf8');
      const known = new Set(reference.match(/FLOTILLA_[A-Z0-9_]+/g));
      // The one Redis of the platform, by the text of the limiter's setting; the file variants of settings.
      const named = podsOf(await render(values)).flatMap(({ spec }) =>
        spec.containers.flatMap(({ env = [] }) => env.map(({ name }) => name)),
      );
      const settings = new Set(named.filter((name) => name.startsWith('FLOTILLA_')));
      const unknown = [...settings].filter((name) => !known.has(name) && !known.has(name.replace(/_FILE$/, '')));
      expect(unknown).toEqual([]);
    });
  });

  it('have a token of the API server only where it is needed', async () => {
    const mounted = async (values: object) =>
      podsOf(await render({ ...minimal, ...values })).filter(({ spec }) => spec.automountServiceAccountToken !== false);
    expect((await mounted({})).map(({ name }) => name)).toEqual(['flotilla-gpu-fleet-controller']);
    expect(await mounted({ fleet: { kubernetes: false } })).toEqual([]);
  });

  it('are found by the peers that call them, by the name of a headless Service', async () => {
    const objects = await render(minimal);
    const headless = ofKind(objects, 'Service').filter(
      ({ spec }) => (spec as { clusterIP?: string }).clusterIP === 'None',
    );
    const names = headless.map(({ metadata }) => metadata.name);
    expect(names.toSorted()).toEqual(
      services
        .filter((name) => name !== 'gateway')
        .map((name) => `flotilla-${name}`)
        .toSorted(),
    );
    const peers = podsOf(objects).flatMap(({ spec }) =>
      spec.containers.flatMap(({ env = [] }) => env.filter(({ name }) => name.startsWith('FLOTILLA_PEER_'))),
    );
    expect(new Set(peers.map(({ value }) => value!.replace(':7000', '')))).toEqual(new Set(names));
  });

  it('are scaled by an autoscaler or by a number, never by both', async () => {
    const replicas = async (values: object) =>
      ofKind(await render({ ...minimal, ...values }), 'Deployment').map(
        ({ spec }) => (spec as { replicas?: number }).replicas,
      );
    expect(await replicas({})).toEqual(services.map(() => 2));
    const scaled = await render(everything);
    expect(ofKind(scaled, 'HorizontalPodAutoscaler').map(({ metadata }) => metadata.name)).toEqual(
      // The controller has a row of its own that turns it off again.
      services
        .filter((name) => name !== 'gpu-fleet-controller')
        .map((name) => `flotilla-${name}`)
        .toSorted(),
    );
    expect((await replicas(everything)).filter((count) => count !== undefined)).toEqual([2]);
  });

  it('of one replica may be evicted: a budget would hold up the drain of its node for ever', async () => {
    const budgets = async (values: object) =>
      ofKind(await render({ ...minimal, ...values }), 'PodDisruptionBudget').length;
    expect(await budgets({})).toBe(7);
    expect(await budgets({ defaults: { replicas: 1 } })).toBe(0);
  });

  it('wait for the servers of the release, and for no others', async () => {
    const waits = async (values: Values) =>
      podsOf(await render(values)).flatMap(
        ({ spec }) => spec.initContainers?.map(({ command }) => command!.slice(3)) ?? [],
      );
    expect(await waits(minimal)).toEqual([]);
    const bundled = { nats: { bundled: true }, redis: { bundled: true }, postgres: { bundled: true } };
    const found = await waits(bundled);
    expect(found).toHaveLength(7);
    expect(found).toContainEqual(['flotilla-nats:4222', 'flotilla-postgres:5432', 'flotilla-redis:6379']);
    expect(found).toContainEqual(['flotilla-nats:4222']);
  });
});
