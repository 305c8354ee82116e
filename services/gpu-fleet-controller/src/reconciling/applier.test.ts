import { describe, expect, it } from '@jest/globals';
import { KubeError, type KubeObject, type Workload } from '@flotilla/kubernetes';
import { createMemoryApi } from '@flotilla/kubernetes/testing';
import { createFakeClock } from '@flotilla/testkit';
import { modelOf } from '../models/model.fixture.ts';
import { shapeOf } from '../models/shape.ts';
import { Applier } from './applier.ts';
import { appliedResource } from './parts.ts';
import { ownedFields } from './owned-fields.ts';
import { prepared, withReplicas } from './prepared.ts';
import { RenderFailed } from './renderer.ts';

const { signal } = new AbortController();
const model = modelOf({}, { uid: 'u1' });
const rendering = { key: 'k', objects: [] };
const origin = {
  group: { profile: 'l40s', revision: 'r1' },
  shape: shapeOf('llama', model.spec),
  chart: '1.0.0',
  rendering,
};

const deployment = (args: string[] = ['--a']) =>
  prepared(
    {
      ...{ apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'llama-l40s-r1', namespace: 'ns' } },
      spec: { template: { spec: { containers: [{ name: 'engine', args }] } } },
    },
    model,
    origin,
  );

function applying() {
  const clock = createFakeClock();
  const api = createMemoryApi();
  const live = new Map<string, KubeObject>();
  const applier = new Applier(api, ({ kind, metadata }) => live.get(`${kind}/${metadata.name}`), clock);
  const writes = () => Object.values(api.calls).reduce((sum, count) => sum + count, 0);
  return {
    ...{ clock, api, applier, live, writes },
    apply: (object: KubeObject) => applier.apply(object, signal),
    /** What the watch would bring. */
    async watched(object: KubeObject) {
      const seen = await api.get(appliedResource(object)!, { namespace: 'ns', name: object.metadata.name });
      if (seen) live.set(`${object.kind}/${object.metadata.name}`, seen);
      return seen as Workload;
    },
  };
}

describe('what a Model is made of', () => {
  it('belongs to the Model and says what it was made from', () => {
    expect(deployment().metadata).toMatchObject({
      namespace: 'ns',
      labels: {
        'fleet.flotilla.dev/model': 'llama',
        'fleet.flotilla.dev/profile': 'l40s',
        'fleet.flotilla.dev/revision': 'r1',
        'app.kubernetes.io/managed-by': 'flotilla-fleet',
      },
      ownerReferences: [{ kind: 'Model', name: 'llama', uid: 'u1', controller: true }],
      annotations: { 'fleet.flotilla.dev/chart': '1.0.0' },
    });
  });

  it.each([
    ['a kind that the fleet does not apply', { kind: 'ClusterRole', apiVersion: 'rbac.authorization.k8s.io/v1' }, 'ns'],
    ['another namespace', { kind: 'Service', apiVersion: 'v1' }, 'kube-system'],
  ])('is nothing of %s', (_what, type, namespace) => {
    expect(() => prepared({ ...type, metadata: { name: 'x', namespace } }, model, origin)).toThrow(RenderFailed);
  });
});

describe('applying', () => {
  it('makes no call while nothing differs', async () => {
    const { apply, watched, writes } = applying();
    const wanted = withReplicas(deployment(), 2);
    await apply(wanted);
    const seen = await watched(wanted);
    expect(seen.spec.replicas).toBe(2);
    const before = writes();
    for (let i = 0; i < 100; i += 1) await apply(wanted);
    expect(writes()).toBe(before);
  });

  it('does not do again what the watch has only not shown yet', async () => {
    const { apply, writes, clock } = applying();
    await apply(deployment());
    clock.advance(9_000);
    await apply(deployment());
    expect(writes()).toBe(1);
    clock.advance(2_000);
    await apply(deployment());
    expect(writes()).toBe(2);
  });

  it('mends what somebody changed, and leaves alone what others added', async () => {
    const { apply, watched, api, writes, clock } = applying();
    const wanted = withReplicas(deployment(), 2);
    await apply(wanted);
    const seen = await watched(wanted);
    await api.replace({
      ...seen,
      metadata: { ...seen.metadata, annotations: { ...seen.metadata.annotations, theirs: '1' } },
    });
    await watched(wanted);
    const before = writes();
    await apply(wanted);
    expect(writes()).toBe(before);
    await api.patch(
      appliedResource(wanted)!,
      { namespace: 'ns', name: wanted.metadata.name },
      { spec: { replicas: 7 } },
    );
    await watched(wanted);
    clock.advance(1_000);
    await apply(wanted);
    expect((await watched(wanted)).spec.replicas).toBe(2);
  });

  it('mends what is changed again and again less and less often', async () => {
    const { apply, watched, api, clock } = applying();
    const wanted = withReplicas(deployment(), 2);
    await apply(wanted);
    let mended = 0;
    for (let second = 0; second < 120; second += 1) {
      const seen = await watched(wanted);
      if (seen.spec.replicas === 2) {
        mended += 1;
        await api.patch(
          appliedResource(wanted)!,
          { namespace: 'ns', name: wanted.metadata.name },
          { spec: { replicas: 7 } },
        );
        await watched(wanted);
      }
      clock.advance(1_000);
      await apply(wanted);
    }
    expect(mended).toBeLessThan(9);
  });

  it('takes the spelling of the API for what it is', async () => {
    const { apply, watched, api, writes } = applying();
    api.intercept((call, happen) => {
      const answer = happen() as { spec?: { template: { spec: { containers: { args: string[] }[] } } } };
      if (call.verb === 'patch' || call.verb === 'get')
        answer.spec!.template.spec.containers[0]!.args = ['--as-the-api-says'];
      return answer;
    });
    await apply(deployment());
    await watched(deployment());
    const before = writes();
    await apply(deployment());
    expect(writes()).toBe(before);
  });

  it('does not ask again at once for what the API refused', async () => {
    const { apply, api, writes, clock } = applying();
    api.failNext(new KubeError('invalid', 'spec.template: not so'), { times: 2 });
    await expect(apply(deployment())).rejects.toThrow('not so');
    await expect(apply(deployment())).rejects.toThrow('not so');
    expect(writes()).toBe(1);
    clock.advance(1_000);
    await expect(apply(deployment())).rejects.toThrow('not so');
    await apply(deployment(['--mended']));
    expect(writes()).toBe(3);
  });

  it('makes no Job again that was cleaned away', async () => {
    const { apply, writes } = applying();
    const job = prepared({ apiVersion: 'batch/v1', kind: 'Job', metadata: { name: 'fetch' } }, model, origin);
    await apply(job);
    for (let i = 0; i < 3; i += 1) await apply(job);
    expect(writes()).toBe(1);
  });
});

describe('the fields of an object that are ours', () => {
  it.each<[string, unknown, unknown, boolean]>([
    ['a default of the API', { a: 1 }, { a: 1, b: 2 }, true],
    ['a sidecar', { c: [{ name: 'x', v: 1 }] }, { c: [{ name: 'y' }, { name: 'x', v: 1, w: 2 }] }, true],
    ['a value', { a: 1 }, { a: 2 }, false],
    ['an argument more', { args: ['a'] }, { args: ['a', 'b'] }, false],
    ['a missing part', { c: [{ name: 'x', v: 1 }] }, { c: [] }, false],
  ])('with %s', (_what, pattern, object, same) => {
    expect(ownedFields(pattern, object) === ownedFields(pattern, pattern)).toBe(same);
  });
});
