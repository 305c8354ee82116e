import { afterEach, describe, expect, it } from '@jest/globals';
import { HelmError } from '@flotilla/helm';
import { coreEvents, deployments, KubeError, services } from '@flotilla/kubernetes';
import type { SpecInput } from './models/model.fixture.ts';
import { createCluster, startController, type TestCluster } from './reconciling/cluster.fixture.ts';

const never = new AbortController().signal;
const at = (name: string) => ({ namespace: 'ns', name });
const running: { stop(): Promise<void> }[] = [];
afterEach(async () => {
  await Promise.all(running.splice(0).map((one) => one.stop()));
});

async function controlled(cluster = createCluster()) {
  const controller = await joined(cluster);
  return { ...cluster, ...controller };
}

async function joined(cluster: TestCluster, identity?: string) {
  const controller = startController(cluster, identity);
  running.push(controller.fleet);
  await controller.fleet.start();
  return controller;
}

const condition = (model: { status?: { conditions?: { type: string }[] } }, type: string) =>
  model.status?.conditions?.find((one) => one.type === type);

describe('a Model', () => {
  it('becomes a workload with as many pods as are wanted, which routers are told of', async () => {
    const { create, workloads, model, pass, orders, told, fleet } = await controlled();
    orders.desired = 2;
    await create();
    await pass(3_000);
    const [workload] = await workloads();
    expect(workload!.metadata.name).toMatch(/^llama-l40s-[0-9a-f]{8}$/);
    expect(workload!.metadata.ownerReferences).toMatchObject([{ kind: 'Model', name: 'llama', controller: true }]);
    expect(workload!.spec.replicas).toBe(2);
    expect(await model()).toMatchObject({
      metadata: { finalizers: ['fleet.flotilla.dev/drain'] },
      status: { phase: 'Ready', replicas: 2, readyReplicas: 2, desiredReplicas: 2, observedGeneration: 1 },
    });
    expect(told.get('ns/llama')).toEqual(['ready', 'ready']);
    expect(fleet.list().map(({ state }) => state)).toEqual(['ready', 'ready']);
  });

  it('costs no call while nothing changes', async () => {
    const { create, pass, clock, writes, api } = await controlled();
    await create();
    await pass(5_000);
    const { list } = api.calls;
    const before = writes();
    for (let second = 0; second < 120; second += 1) await clock.advanceAsync(1_000);
    expect(writes()).toBe(before);
    expect(api.calls.list).toBe(list);
  });

  it('is not judged while its engines are not known, and at once when they are', async () => {
    const { create, pass, clock, orders, replicas, writes } = await controlled();
    let plans = 0;
    orders.plan = (world, { byProfile }) => {
      plans += 1;
      const groups = [...byProfile].map(([profile, count]) => ({ profile, revision: world.wanted, replicas: count }));
      return { groups, shares: undefined, stable: world.wanted, phase: 'Steady', message: '' };
    };
    await create();
    await pass(3_000);
    const fake = replicas()!;
    fake.known = () => false;
    await pass(1_000);
    plans = 0;
    const before = writes();
    for (let engine = 0; engine < 100; engine += 1) {
      fake.listener.changed('state');
      await clock.advanceAsync(10);
    }
    expect(plans).toBe(0);
    expect(writes()).toBe(before);
    fake.known = () => true;
    fake.listener.changed('state');
    await clock.advanceAsync(10);
    expect(plans).toBeGreaterThan(0);
  });

  it('is mended when somebody changes or deletes a part of it', async () => {
    const { create, pass, api, workloads } = await controlled();
    await create();
    await pass(3_000);
    const { metadata } = (await workloads())[0]!;
    await api.patch(deployments, at(metadata.name), { spec: { template: { spec: { containers: [] } } } });
    await api.delete(services, at('llama'));
    await pass(3_000);
    const [mended] = await workloads();
    expect(mended!.spec.template).toMatchObject({ spec: { containers: [{ name: 'engine' }] } });
    expect(await api.get(services, at('llama'))).toBeDefined();
  });

  it('loses replicas only once they are drained, and those that are', async () => {
    const { create, pass, orders, pods, replicas } = await controlled();
    orders.desired = 3;
    await create();
    await pass(3_000);
    const names = (await pods()).map(({ metadata }) => metadata.name);
    const fake = replicas()!;
    fake.busy.add(names[0]!);
    orders.desired = 1;
    await pass(3_000);
    expect((await pods()).map(({ metadata }) => metadata.name)).toEqual([names[0], names[2]]);
    fake.busy.clear();
    await pass(3_000);
    expect((await pods()).map(({ metadata }) => metadata.name)).toEqual([names[2]]);
  });

  it('keeps its pods when somebody else asks for more of them, until they are drained', async () => {
    const { create, pass, api, workloads, pods, replicas } = await controlled();
    await create();
    await pass(3_000);
    const [workload] = await workloads();
    await api.patch(deployments, at(workload!.metadata.name), { spec: { replicas: 3 } });
    await pass(200);
    for (const { metadata } of await pods()) replicas()!.busy.add(metadata.name);
    await pass(3_000);
    expect(await pods()).toHaveLength((await workloads())[0]!.spec.replicas!);
  });

  it('of which the spec makes no sense changes nothing, and says what is wrong', async () => {
    const { create, pass, change, model, workloads, api } = await controlled();
    await create();
    await pass(3_000);
    const before = await workloads();
    await change({ scaling: { minReplicas: 5, maxReplicas: 2 } });
    await pass(3_000);
    const invalid = await model();
    expect(invalid.status?.phase).toBe('Invalid');
    expect(condition(invalid, 'Ready')).toMatchObject({
      status: 'False',
      reason: 'InvalidSpec',
      message: /minReplicas 5/ as never,
    });
    expect(await workloads()).toEqual(before);
    const { patch } = api.calls;
    await pass(10_000);
    expect(api.calls.patch).toBe(patch);
  });

  it('that cannot be rendered says so in helm’s words, and is made when it can', async () => {
    const { create, pass, model, workloads, orders, renders, api } = await controlled();
    orders.template = () => {
      throw new HelmError('invalid_values', 'values don’t meet the specifications of the schema');
    };
    await create();
    await pass(4_000);
    const broken = await model();
    expect(broken.status?.phase).toBe('Degraded');
    expect(condition(broken, 'Degraded')).toMatchObject({ status: 'True', reason: 'RenderFailed' });
    expect(renders()).toBeLessThanOrEqual(2);
    expect((await api.list(coreEvents)).items).toContainEqual(
      expect.objectContaining({ type: 'Warning', reason: 'RenderFailed' }),
    );
    orders.template = undefined;
    await pass(20_000);
    expect(await workloads()).toHaveLength(1);
    expect((await model()).status?.phase).toBe('Ready');
  });

  it('that the API refuses says so, and is not tried in a tight loop', async () => {
    const { create, pass, model, api } = await controlled();
    let tries = 0;
    api.intercept((call, happen) => {
      if (call.verb !== 'patch' || call.resource !== 'deployments') return happen();
      tries += 1;
      throw new KubeError('forbidden', 'exceeded quota: gpus');
    });
    await create();
    await pass(30_000);
    expect(condition(await model(), 'Degraded')).toMatchObject({
      reason: 'ApplyRefused',
      message: 'exceeded quota: gpus',
    });
    expect(tries).toBeLessThan(8);
  });

  it('that cannot start tells who waits, and shows why', async () => {
    const { create, pass, model, orders, replicas } = await controlled();
    orders.trips = [{ kind: 'CrashLoop', message: 'CUDA out of memory' }];
    await create();
    await pass(3_000);
    expect(replicas()!.refused).toBe('CUDA out of memory');
    expect(condition(await model(), 'Degraded')).toMatchObject({ reason: 'CrashLoop', message: 'CUDA out of memory' });
    orders.trips = [];
    await pass(3_000);
    expect(replicas()!.refused).toBeUndefined();
    expect((await model()).status?.phase).toBe('Ready');
  });
});

describe('another version of a Model', () => {
  it('is another workload; the old one goes when it is empty', async () => {
    const { create, pass, change, workloads, orders, replicas, pods } = await controlled();
    await create();
    await pass(3_000);
    const [old] = await workloads();
    replicas()!.busy.add((await pods())[0]!.metadata.name);
    await change({ engine: { args: ['--new'] } });
    await pass(3_000);
    expect(await workloads()).toHaveLength(2);
    replicas()!.busy.clear();
    await pass(5_000);
    const left = await workloads();
    expect(left).toHaveLength(1);
    expect(left[0]!.metadata.name).not.toBe(old!.metadata.name);
    expect(orders.desired).toBe(1);
  });

  it('that fails leaves the old one to be made from what it was made from', async () => {
    const { create, pass, change, workloads, orders, api } = await controlled();
    await create({ profiles: [{ name: 'l40s' }, { name: 'h100' }] });
    await pass(3_000);
    const revision = (await workloads())[0]!.metadata.labels!['fleet.flotilla.dev/revision']!;
    orders.plan = () => ({
      groups: ['l40s', 'h100'].map((profile) => ({ profile, revision, replicas: 1 })),
      ...{ shares: undefined, stable: revision, phase: 'Steady', message: '' },
    });
    await change({ engine: { args: ['--bad'] } });
    await api.delete(deployments, at(`llama-l40s-${revision}`)).catch(() => undefined);
    await pass(3_000);
    const made = await workloads();
    expect(made.every(({ metadata }) => metadata.labels!['fleet.flotilla.dev/revision'] === revision)).toBe(true);
    for (const { spec } of made) expect(spec.template).toMatchObject({ spec: { containers: [{ args: [] }] } });
  });
});

describe('a Model that is deleted', () => {
  it('goes after its engines finished what they had', async () => {
    const { create, pass, remove, model, replicas, pods, told, workloads } = await controlled();
    await create({ drainSeconds: 60 });
    await pass(3_000);
    replicas()!.busy.add((await pods())[0]!.metadata.name);
    await remove();
    await pass(5_000);
    expect((await model()).status?.phase).toBe('Deleting');
    expect(await pods()).toHaveLength(1);
    replicas()!.busy.clear();
    await pass(5_000);
    expect(await model()).toBeUndefined();
    expect(await workloads()).toEqual([]);
    expect(told.get('ns/llama')).toEqual([]);
  });

  it('goes at the latest when its time to drain is over', async () => {
    const { create, pass, remove, model, replicas, pods } = await controlled();
    await create({ drainSeconds: 20 });
    await pass(3_000);
    replicas()!.busy.add((await pods())[0]!.metadata.name);
    await remove();
    await pass(40_000);
    expect(await model()).toBeUndefined();
  });
});

describe('the cluster’s API', () => {
  it('may be away at the start', async () => {
    const cluster = createCluster();
    await cluster.create();
    cluster.api.setDown(true);
    const { fleet } = await joined(cluster);
    await cluster.clock.advanceAsync(20_000);
    expect(fleet.list()).toEqual([]);
    await expect(fleet.activate('llama', never)).rejects.toMatchObject({ code: 'unavailable' });
    cluster.api.setDown(false);
    await cluster.pass(40_000);
    expect(fleet.list()).toHaveLength(1);
  });

  it('may forget versions and break watches: what changed meanwhile is mended', async () => {
    const { create, pass, api, workloads } = await controlled();
    await create();
    await pass(3_000);
    const [workload] = await workloads();
    await api.delete(services, at('llama'));
    api.expireVersions();
    api.breakWatches(new KubeError('gone', 'too old'));
    await api.patch(deployments, at(workload!.metadata.name), {
      spec: { paused: true, template: { spec: { containers: [] } } },
    });
    await pass(10_000);
    expect((await workloads())[0]!.spec.template).toMatchObject({ spec: { containers: [{ name: 'engine' }] } });
    expect(await api.get(services, at('llama'))).toBeDefined();
  });
});

/** Two controllers of one Model that has no replicas; both know of it. */
async function twoAtZero(spec: SpecInput = {}) {
  const cluster = createCluster();
  const leader = await joined(cluster, 'one');
  leader.orders.desired = 0;
  await cluster.create(spec);
  await cluster.pass(3_000);
  const follower = await joined(cluster, 'two');
  await cluster.pass(1_000);
  return { cluster, leader, follower };
}

describe('of two controllers', () => {
  it('one acts; the other answers with what it was told, and takes over when the first ends', async () => {
    const cluster = createCluster();
    const first = await joined(cluster, 'one');
    await cluster.create();
    await cluster.pass(3_000);
    const second = await joined(cluster, 'two');
    await cluster.pass(3_000);
    expect(second.replicas()).toBeUndefined();
    await cluster.pass(31_000);
    expect(second.fleet.list()).toMatchObject([{ state: 'ready', provider: 'fleet' }]);
    running.splice(0, 1);
    await first.fleet.stop();
    second.orders.desired = 2;
    await cluster.pass(10_000);
    expect(second.replicas()).toBeDefined();
    expect((await cluster.workloads())[0]!.spec.replicas).toBe(2);
    expect(await cluster.pods()).toHaveLength(2);
  });

  it('the one that takes over needs no helm for what is there, and changes nothing', async () => {
    const cluster = createCluster();
    const first = await joined(cluster, 'one');
    first.orders.desired = 3;
    for (const name of ['a', 'b', 'c']) await cluster.create({}, name);
    await cluster.pass(5_000);
    await first.fleet.stop();
    const writes = cluster.writes();
    const second = await joined(cluster, 'two');
    second.orders.desired = 3;
    await cluster.pass(60_000);
    expect(second.renders()).toBe(0);
    expect(cluster.writes()).toBe(writes);
  });

  it('the one that follows passes on what waits with it', async () => {
    const { cluster, leader: first, follower: second } = await twoAtZero();
    const waits = second.fleet.activate('llama', never);
    await cluster.pass(500);
    first.orders.desired = 1;
    await cluster.pass(3_000);
    expect(await waits).toMatchObject({ state: 'ready' });
  });

  it('the one that follows says at once what the other refuses, to who waits and who comes', async () => {
    const { cluster, leader, follower } = await twoAtZero();
    const waits = follower.fleet.activate('llama', never).catch((error: unknown) => error);
    await cluster.pass(2_000);
    leader.orders.trips = [{ kind: 'CrashLoop', message: 'CUDA out of memory.' }];
    await cluster.pass(3_000);
    const refusal = { code: 'engine_unavailable', message: expect.stringContaining('CUDA out of memory.') };
    expect(await waits).toMatchObject(refusal);
    await expect(follower.fleet.activate('llama', never)).rejects.toMatchObject(refusal);
    leader.orders.trips = [];
    await cluster.pass(3_000);
    const again = follower.fleet.activate('llama', never);
    leader.orders.desired = 1;
    await cluster.pass(3_000);
    expect(await again).toMatchObject({ state: 'ready' });
  });

  it('the one that follows waits no longer than the Model may take to start', async () => {
    const { cluster, follower } = await twoAtZero({ startTimeoutSeconds: 10 });
    const waits = follower.fleet.activate('llama', never).catch((error: unknown) => error);
    await cluster.pass(11_000);
    expect(await waits).toMatchObject({
      code: 'err_model_start_timeout',
      message: /ns\/llama did not start within 10 s/,
    });
  });
});
