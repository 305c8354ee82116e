import { describe, expect, it } from '@jest/globals';
import type { Followed, Pod } from '@flotilla/kubernetes';
import type { ContainerSpec } from '../pod-spec.ts';
import { Sources, type Source } from '../volumes/sources.ts';
import { environmentOf } from './environment.ts';
import { expand } from './expansion.ts';

const holding = (items: Record<string, Record<string, string>>): Followed<Source> => ({
  items: new Map(
    Object.entries(items).map(([key, data]) => [
      key,
      { data: Object.fromEntries(Object.entries(data).map(([name, value]) => [name, Buffer.from(value)])) },
    ]),
  ),
  synced: Promise.resolve(),
  onChange: () => () => undefined,
  stop: async () => undefined,
});
const sources = new Sources(
  holding({ 'ns/settings': { LEVEL: 'debug', 'not a name': 'x' } }),
  holding({ 'ns/keys': { token: 's3cret' } }),
);
const pod = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'p', namespace: 'ns', uid: 'u', labels: { 'fleet.flotilla.dev/model': 'm' } },
  spec: { nodeName: 'node-1', containers: [] },
} as Pod;
const of = (container: Partial<ContainerSpec>) =>
  environmentOf(pod, { name: 'c', image: 'i', ...container }, { podIP: '127.1.0.5', hostIP: '127.0.0.1' }, sources, {
    GIVEN: 'g',
  });
const field = (fieldPath: string) => ({ name: 'X', valueFrom: { fieldRef: { fieldPath } } });

describe('the environment of a container', () => {
  it('has whole ConfigMaps and Secrets, then its own variables over them, each with what came before', () => {
    const environment = of({
      envFrom: [{ prefix: 'A_', configMapRef: { name: 'settings' } }, { secretRef: { name: 'keys' } }],
      env: [
        { name: 'token', value: 'own' },
        { name: 'B', value: '$(A_LEVEL)-$(token)-$$(token)-$(NONE)-$(GIVEN)' },
      ],
    });
    expect(environment).toEqual({ GIVEN: 'g', A_LEVEL: 'debug', token: 'own', B: 'debug-own-$(token)-$(NONE)-g' });
  });

  it.each([
    ['metadata.name', 'p'],
    ['metadata.uid', 'u'],
    ["metadata.labels['fleet.flotilla.dev/model']", 'm'],
    ["metadata.annotations['none']", ''],
    ['spec.nodeName', 'node-1'],
    ['spec.serviceAccountName', 'default'],
    ['status.podIP', '127.1.0.5'],
  ])('knows %s of its pod', (path, value) => {
    expect(of({ env: [field(path)] })['X']).toBe(value);
  });

  it('knows its resources in the unit it wants, rounded up', () => {
    const resources = { limits: { cpu: '1500m', memory: '2Gi' } };
    const amount = (resource: string, divisor?: string) =>
      of({ resources, env: [{ name: 'X', valueFrom: { resourceFieldRef: { resource, divisor } } }] })['X'];
    expect([amount('limits.cpu'), amount('limits.cpu', '1m'), amount('limits.memory', '1Mi')]).toEqual([
      '2',
      '1500',
      '2048',
    ]);
    expect(amount('requests.cpu')).toBe('0');
  });

  it('leaves out what is optional and not there, and refuses what is missing', () => {
    const key = (optional?: boolean) => ({ secretKeyRef: { name: 'keys', key: 'other', optional } });
    expect(of({ env: [{ name: 'X', valueFrom: key(true) }] })).toEqual({ GIVEN: 'g' });
    expect(() => of({ env: [{ name: 'X', valueFrom: key() }] })).toThrow("couldn't find key other in Secret ns/keys");
    expect(() => of({ envFrom: [{ configMapRef: { name: 'none' } }] })).toThrow('configmap "none" not found');
    expect(() => of({ env: [field('spec.nothing')] })).toThrow('"spec.nothing" is not supported');
  });
});

describe('$(NAME) in a text', () => {
  it('stays where it names nothing', () => {
    expect(expand('$(A) $(B) $$(A) $A ${A} $()', { A: '1' })).toBe('1 $(B) $(A) $A ${A} $()');
  });
});
