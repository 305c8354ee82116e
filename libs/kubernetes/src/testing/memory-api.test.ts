import { describe, expect, it } from '@jest/globals';
import { createFakeClock } from '@flotilla/testkit';
import { KubeError } from '../kube-error.ts';
import type { KubeObject } from '../object.ts';
import { configMaps, nodes, pods, type Pod } from '../resources.ts';
import { createMemoryApi } from './index.ts';

const signal = () => AbortSignal.timeout(20_000);

const pod = (name: string, nodeName?: string): Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { namespace: 'n', name },
  spec: { containers: [], terminationGracePeriodSeconds: 60, ...(nodeName !== undefined && { nodeName }) },
});
const map = (name: string, meta: Partial<KubeObject['metadata']> = {}) => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { namespace: 'n', name, ...meta },
});
const ownedBy = (...owners: KubeObject[]) => ({
  ownerReferences: owners.map(({ apiVersion, kind, metadata: { name, uid } }) => ({
    apiVersion,
    kind,
    name,
    uid: uid!,
  })),
});

describe('the API in memory, beside what all do', () => {
  it('gives a pod on a node its time to end, and no other', async () => {
    const clock = createFakeClock();
    const api = createMemoryApi({ clock });
    for (const one of [pod('placed', 'node'), pod('hurried', 'node'), pod('pending')]) await api.create(one);
    const names = async () => (await api.list(pods)).items.map(({ metadata }) => metadata.name);
    for (const name of ['placed', 'pending']) await api.delete(pods, { namespace: 'n', name });
    await api.delete(pods, { namespace: 'n', name: 'hurried' }, { gracePeriodSeconds: 0 });
    expect(await names()).toEqual(['placed']);
    const placed = await api.get(pods, { namespace: 'n', name: 'placed' });
    expect(placed?.metadata).toMatchObject({
      deletionGracePeriodSeconds: 60,
      deletionTimestamp: '2026-01-01T00:01:00.000Z',
    });
    clock.advance(60_000);
    expect(await names()).toEqual([]);
  });

  it('leaves what another owner holds, or what is orphaned', async () => {
    const api = createMemoryApi();
    const [one, two] = [await api.create(map('one')), await api.create(map('two'))];
    await api.create(map('of-both', ownedBy(one, two)));
    await api.create(map('of-two', ownedBy(two)));
    const names = async () => (await api.list(configMaps)).items.map(({ metadata }) => metadata.name);
    await api.delete(configMaps, { namespace: 'n', name: 'one' });
    expect(await names()).toEqual(['of-both', 'of-two', 'two']);
    await api.delete(configMaps, { namespace: 'n', name: 'two' }, { propagation: 'Orphan' });
    expect(await names()).toEqual(['of-both', 'of-two']);
  });

  it('keeps an owner until what it owns went, when that is asked for', async () => {
    const api = createMemoryApi();
    const owner = await api.create(map('owner'));
    await api.create(map('owned', { ...ownedBy(owner), finalizers: ['test'] }));
    await api.delete(configMaps, { namespace: 'n', name: 'owner' }, { propagation: 'Foreground' });
    expect((await api.list(configMaps)).items).toHaveLength(2);
    await api.patch(configMaps, { namespace: 'n', name: 'owned' }, { metadata: { finalizers: null } });
    expect((await api.list(configMaps)).items).toHaveLength(0);
  });

  it('forgets the past when told to: watches and lists that go on from it are gone', async () => {
    const api = createMemoryApi();
    for (const name of ['a', 'b']) await api.create(map(name));
    const { next, resourceVersion } = await api.list(configMaps, {}, { limit: 1 });
    await api.create(map('c'));
    api.expireVersions();
    await expect(api.list(configMaps, {}, { limit: 1, next: next! })).rejects.toMatchObject({ kind: 'gone' });
    const watch = api.watch(configMaps, {}, resourceVersion, signal())[Symbol.asyncIterator]();
    await expect(watch.next()).rejects.toMatchObject({ kind: 'gone' });
  });

  it('fails as it is told to, loses answers, and is away', async () => {
    const api = createMemoryApi();
    api.failNext(new KubeError('conflict', 'first'), { verb: 'create', times: 2 });
    await api.list(configMaps);
    await expect(api.create(map('a'))).rejects.toThrow('first');
    await expect(api.create(map('a'))).rejects.toThrow('first');
    const restore = api.intercept(async (_, happen) => {
      await happen();
      throw new KubeError('unavailable', 'the answer was lost');
    });
    await expect(api.create(map('a'))).rejects.toThrow('lost');
    restore();
    await expect(api.create(map('a'))).rejects.toMatchObject({ kind: 'conflict' });
    const watch = api.watch(configMaps, {}, api.resourceVersion, signal())[Symbol.asyncIterator]();
    const broken = expect(watch.next()).rejects.toMatchObject({ kind: 'unavailable' });
    await new Promise((resolve) => setImmediate(resolve));
    api.setDown(true);
    await broken;
    await expect(api.get(nodes, { name: 'x' })).rejects.toMatchObject({ kind: 'unavailable' });
    api.setDown(false);
    expect(await api.get(nodes, { name: 'x' })).toBeUndefined();
  });

  it('gives out copies: who changes one changes nothing here', async () => {
    const api = createMemoryApi();
    const made = await api.create(map('a', { labels: { x: '1' } }));
    made.metadata.labels!['x'] = '2';
    const got = await api.get(configMaps, { namespace: 'n', name: 'a' });
    expect(got?.metadata.labels).toEqual({ x: '1' });
  });
});
