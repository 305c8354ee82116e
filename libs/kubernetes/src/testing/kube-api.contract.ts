import assert from 'node:assert/strict';
import type { KubeApi, WatchEvent } from '../kube-api.ts';
import { KubeError, type KubeErrorKind } from '../kube-error.ts';
import type { KubeObject } from '../object.ts';
import { configMaps, deployments, namespaces, type Workload } from '../resources.ts';

/** One thing that every KubeApi does; `namespace` is its own, and there. */
export interface ContractCase {
  readonly name: string;
  run(api: KubeApi, namespace: string): Promise<void>;
}

type ConfigMap = KubeObject & { data?: Record<string, string> };

const waitMs = 20_000;

/** A ConfigMap. */
function map(namespace: string, name: string, data: Record<string, string> = {}, meta: object = {}): ConfigMap {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { namespace, name, ...meta }, data };
}

/** A Deployment whose pods no node takes. */
function deployment(namespace: string, name: string): Workload {
  const labels = { app: name };
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { namespace, name },
    spec: {
      replicas: 0,
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: { nodeSelector: { nowhere: 'here' }, containers: [{ name: 'one', image: 'none' }] },
      },
    },
  };
}

function failsAs(kind: KubeErrorKind, call: Promise<unknown>): Promise<void> {
  return assert.rejects(call, (error: unknown) => error instanceof KubeError && error.kind === kind);
}

/** The first `count` changes of a watch, bookmarks left out. */
async function changes<T extends KubeObject>(events: AsyncIterable<WatchEvent<T>>, count: number): Promise<string[]> {
  const seen: string[] = [];
  for await (const event of events) {
    if (event.type === 'bookmark') continue;
    seen.push(`${event.type} ${event.object.metadata.name}`);
    if (seen.length === count) break;
  }
  return seen;
}

/** What memory and a real cluster do alike. Jest-free: name each case as a test of your own. */
export const kubeApiContract: readonly ContractCase[] = [
  {
    name: 'gives what was created, and nothing for what is not there',
    async run(api, namespace) {
      const created = await api.create(map(namespace, 'one', { a: '1' }, { labels: { x: 'y' } }));
      assert.ok(created.metadata.uid && created.metadata.resourceVersion && created.metadata.creationTimestamp);
      const got = await api.get(configMaps, { namespace, name: 'one' });
      assert.deepEqual([got?.kind, got?.data, got?.metadata.uid], ['ConfigMap', { a: '1' }, created.metadata.uid]);
      assert.equal(await api.get(configMaps, { namespace, name: 'other' }), undefined);
      await failsAs('conflict', api.create(map(namespace, 'one')));
      assert.equal((await api.get(namespaces, { name: namespace }))?.kind, 'Namespace');
    },
  },
  {
    name: 'replaces an object only at the version that was read',
    async run(api, namespace) {
      const first = await api.create(map(namespace, 'one', { a: '1' }));
      const second = await api.replace({ ...first, data: { b: '2' } });
      assert.deepEqual(second.data, { b: '2' });
      await failsAs('conflict', api.replace({ ...first, data: { a: '3' } }));
      const unchanged = await api.replace(second);
      assert.equal(unchanged.metadata.resourceVersion, second.metadata.resourceVersion);
      await failsAs('not_found', api.replace({ ...first, metadata: { namespace, name: 'other' } }));
    },
  },
  {
    name: 'merges a patch, in which null removes',
    async run(api, namespace) {
      await api.create(map(namespace, 'one', { a: '1', b: '2' }));
      const patch = { data: { a: null, c: '3' }, metadata: { annotations: { by: 'me' } } };
      const patched = await api.patch(configMaps, { namespace, name: 'one' }, patch);
      assert.deepEqual([patched.data, patched.metadata.annotations], [{ b: '2', c: '3' }, { by: 'me' }]);
      await failsAs('not_found', api.patch(configMaps, { namespace, name: 'other' }, patch));
      const stale = { metadata: { resourceVersion: '1' }, data: { a: 'x' } };
      await failsAs('conflict', api.patch(configMaps, { namespace, name: 'one' }, stale));
    },
  },
  {
    name: 'applies what one manager wants and leaves what others set',
    async run(api, namespace) {
      const [mine, yours] = [{ manager: 'mine' }, { manager: 'yours' }];
      const made = await api.apply(map(namespace, 'one', { a: '1', b: '2' }), mine);
      await api.apply(map(namespace, 'one', { c: '3' }), yours);
      const again = await api.apply(map(namespace, 'one', { a: '1' }), mine);
      assert.deepEqual(again.data, { a: '1', c: '3' });
      assert.equal(again.metadata.uid, made.metadata.uid);
      await failsAs('conflict', api.apply(map(namespace, 'one', { a: '9' }), yours));
      const taken = await api.apply(map(namespace, 'one', { a: '9' }), { ...yours, force: true });
      assert.deepEqual(taken.data, { a: '9' });
      await failsAs('conflict', api.apply(map(namespace, 'one', { a: '1' }), mine));
      await api.apply(map(namespace, 'one', { a: '9' }), mine);
      await api.apply(map(namespace, 'one', {}), yours);
      assert.deepEqual((await api.get(configMaps, { namespace, name: 'one' }))?.data, { a: '9' });
    },
  },
  {
    name: 'repairs what somebody else changed, and writes nothing when nothing is to be repaired',
    async run(api, namespace) {
      const wanted = map(namespace, 'one', { a: '1' });
      const made = await api.apply(wanted, { manager: 'mine' });
      const same = await api.apply(wanted, { manager: 'mine' });
      assert.equal(same.metadata.resourceVersion, made.metadata.resourceVersion);
      await api.patch(configMaps, { namespace, name: 'one' }, { data: { a: 'drift', b: 'theirs' } });
      await failsAs('conflict', api.apply(wanted, { manager: 'mine' }));
      const repaired = await api.apply(wanted, { manager: 'mine', force: true });
      assert.deepEqual(repaired.data, { a: '1', b: 'theirs' });
    },
  },
  {
    name: 'keeps spec and status apart, and counts generations of the spec',
    async run(api, namespace) {
      const at = { namespace, name: 'one' };
      const status = { status: { conditions: [{ type: 'Contract', status: 'True', reason: 'Test', message: '' }] } };
      const ours = (workload: Workload) =>
        workload.status?.conditions?.some(({ type }) => type === 'Contract') ?? false;
      const made = await api.create({ ...deployment(namespace, 'one'), ...status } as Workload);
      assert.deepEqual([made.metadata.generation, ours(made)], [1, false]);
      const told = await api.patch<Workload>(
        deployments,
        at,
        { ...status, spec: { replicas: 7 } },
        { subresource: 'status' },
      );
      assert.deepEqual([told.metadata.generation, told.spec.replicas, ours(told)], [1, 0, true]);
      const scaled = await api.patch<Workload>(deployments, at, { spec: { replicas: 1 } }, { subresource: 'scale' });
      assert.deepEqual([scaled.kind, scaled.spec.replicas], ['Scale', 1]);
      const now = await api.patch<Workload>(deployments, at, { spec: { replicas: 2 }, status: { conditions: null } });
      assert.deepEqual([now.metadata.generation, now.spec.replicas], [3, 2]);
    },
  },
  {
    name: 'applies a status and nothing else',
    async run(api, namespace) {
      await api.create(deployment(namespace, 'one'));
      const condition = { type: 'Contract', status: 'True', reason: 'Test', message: 'applied' } as const;
      const wanted: Workload = {
        ...deployment(namespace, 'one'),
        spec: { replicas: 5 },
        status: { conditions: [condition] },
      };
      const told = await api.applyStatus(wanted, { manager: 'mine' });
      assert.equal(told.spec.replicas, 0);
      assert.equal(told.status?.conditions?.find(({ type }) => type === 'Contract')?.message, 'applied');
      await failsAs('not_found', api.applyStatus(deployment(namespace, 'other'), { manager: 'mine' }));
    },
  },
  {
    name: 'lists page by page, by labels and by fields',
    async run(api, namespace) {
      for (const name of ['a', 'b', 'c', 'd', 'e']) {
        await api.create(map(namespace, name, {}, { labels: { contract: name < 'd' ? 'few' : 'rest' } }));
      }
      const labelSelector = 'contract';
      const names: string[] = [];
      let next: string | undefined;
      let pages = 0;
      do {
        const page = await api.list(configMaps, { namespace, labelSelector }, { limit: 2, ...(next && { next }) });
        names.push(...page.items.map(({ kind, metadata }) => kind[0]! + metadata.name));
        next = page.next;
        pages += 1;
      } while (next !== undefined);
      assert.deepEqual([names, pages], [['Ca', 'Cb', 'Cc', 'Cd', 'Ce'], 3]);
      const named = async (selection: object) =>
        (await api.list(configMaps, { namespace, ...selection })).items.map(({ metadata }) => metadata.name).join('');
      assert.equal(await named({ labelSelector: 'contract=few' }), 'abc');
      assert.equal(await named({ labelSelector: 'contract, contract!=few' }), 'de');
      assert.equal(await named({ labelSelector: 'contract in (few,none)', fieldSelector: 'metadata.name!=b' }), 'ac');
      assert.equal(await named({ labelSelector: 'contract notin (few),contract' }), 'de');
      assert.equal(await named({ labelSelector: '!contract', fieldSelector: 'metadata.name=a' }), '');
      await failsAs('invalid', api.list(configMaps, { namespace, labelSelector: 'a=(' }));
    },
  },
  {
    name: 'watches a selection from a version on: what leaves it is gone',
    async run(api, namespace) {
      const at = (name: string) => ({ namespace, name });
      const { resourceVersion } = await api.list(configMaps, { namespace });
      const label = (watched: string | null) => ({ metadata: { labels: { watched } } });
      const ended = new AbortController();
      const events = api.watch(configMaps, { namespace, labelSelector: 'watched=yes' }, resourceVersion, ended.signal);
      const seen = changes(events, 6);
      await api.create(map(namespace, 'a', {}, { labels: { watched: 'yes' } }));
      await api.create(map(namespace, 'b'));
      await api.patch(configMaps, at('b'), label('yes'));
      await api.patch(configMaps, at('b'), { data: { x: '1' } });
      await api.patch(configMaps, at('b'), label(null));
      await api.delete(configMaps, at('b'));
      await api.patch(configMaps, at('a'), { data: { x: '1' } });
      await api.delete(configMaps, at('a'));
      assert.deepEqual(await seen, ['added a', 'added b', 'modified b', 'deleted b', 'modified a', 'deleted a']);
      ended.abort();
    },
  },
  {
    name: 'ends a watch without an error when its signal aborts',
    async run(api, namespace) {
      const { resourceVersion } = await api.list(configMaps, { namespace });
      const ended = new AbortController();
      const seen = changes(api.watch(configMaps, { namespace }, resourceVersion, ended.signal), 100);
      await api.create(map(namespace, 'one'));
      ended.abort();
      assert.ok((await seen).length <= 1);
      assert.deepEqual(await changes(api.watch(configMaps, { namespace }, resourceVersion, ended.signal), 1), []);
    },
  },
  {
    name: 'deletes what is there, of that uid; what is not there is no error',
    async run(api, namespace) {
      const at = { namespace, name: 'one' };
      await api.delete(configMaps, at);
      await api.create(map(namespace, 'one'));
      await api.delete(configMaps, at, { uid: 'of-another' });
      assert.ok(await api.get(configMaps, at));
      await api.delete(configMaps, at);
      assert.equal(await api.get(configMaps, at), undefined);
    },
  },
  {
    name: 'keeps what is deleted until its last finalizer goes',
    async run(api, namespace) {
      const at = { namespace, name: 'one' };
      await api.create(map(namespace, 'one', {}, { finalizers: ['flotilla.dev/contract'] }));
      await api.delete(configMaps, at);
      assert.ok((await api.get(configMaps, at))?.metadata.deletionTimestamp);
      await api.patch(configMaps, at, { metadata: { finalizers: null } });
      assert.equal(await api.get(configMaps, at), undefined);
    },
  },
  {
    name: 'removes what an object owned after it went',
    async run(api, namespace) {
      const owner = await api.create(map(namespace, 'owner'));
      const owners = [{ apiVersion: 'v1', kind: 'ConfigMap', name: 'owner', uid: owner.metadata.uid! }];
      await api.create(map(namespace, 'owned', {}, { ownerReferences: owners }));
      const { resourceVersion } = await api.list(configMaps, { namespace });
      const fieldSelector = 'metadata.name=owned';
      const signal = AbortSignal.timeout(waitMs);
      const gone = changes(api.watch(configMaps, { namespace, fieldSelector }, resourceVersion, signal), 1);
      await api.delete(configMaps, { namespace, name: 'owner' });
      assert.deepEqual(await gone, ['deleted owned']);
    },
  },
  {
    name: 'refuses objects of unknown kinds, and those without a name',
    async run(api, namespace) {
      const unknown = { apiVersion: 'example.com/v1', kind: 'Unknown', metadata: { namespace, name: 'one' } };
      await failsAs('invalid', (async () => api.create(unknown))());
      await failsAs('invalid', (async () => api.apply(map(namespace, ''), { manager: 'mine' }))());
    },
  },
  {
    name: 'ends a call whose signal aborts, and counts calls by verb',
    async run(api, namespace) {
      const before = api.calls['get'] ?? 0;
      await api.get(configMaps, { namespace, name: 'one' }, { signal: AbortSignal.timeout(waitMs) });
      assert.equal(api.calls['get'], before + 1);
      await failsAs('cancelled', api.get(configMaps, { namespace, name: 'one' }, { signal: AbortSignal.abort() }));
    },
  },
];
