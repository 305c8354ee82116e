import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { describeWith, until } from '@flotilla/testkit';
import { ModelCluster, namespace } from './model-cluster.fixture.ts';
import { clusterTools } from './platform-cluster.fixture.ts';

const answered = { status: 200, text: expect.stringMatching(/\S/) };
const env = (name: string, value: string) => ({ engine: { env: [{ name: `ENGINE_SIM_${name}`, value }] } });
/** As soon as it may: so that a step of the ladder takes seconds. */
const restless = { stableWindowSeconds: 2, panicWindowSeconds: 1, scaleDownDelaySeconds: 1 };

// One cluster, two controllers, and engines in a namespace that takes restricted pods alone. Each Model is its own story.
describeWith(clusterTools, 'Models', () => {
  let fleet: ModelCluster;

  beforeAll(async () => {
    fleet = await ModelCluster.start();
    // It is found in its place at the end: a node is looked for for two minutes.
    const dear = { name: 'dear', count: 2, costPerHour: 9 };
    const cheap = { name: 'cheap', count: 1, costPerHour: 1, nodeSelector: { 'gpu.example/make': 'none' } };
    await fleet.serve('choosy', { profiles: [cheap, dear], scaling: { minReplicas: 1 } });
  }, 330_000);
  afterAll(async () => {
    await fleet?.stop();
  }, 60_000);

  describe('with adapters', () => {
    beforeAll(async () => {
      const adapters = ['legal', 'medical', 'broken'].map((name) => ({ name, path: `/adapters/${name}` }));
      adapters[2]!.path = '/adapters/missing';
      await fleet.serve('base', { adapters, replicas: 1 });
    });

    it('serves each by its own name', async () => {
      await fleet.reaches('base', 'with two adapters', ({ adapters = [] }) =>
        ['legal', 'medical'].every((name) => adapters.some((one) => one.name === name && one.ready === 1)),
      );
      expect(await fleet.client.models()).toEqual(expect.arrayContaining(['base', 'legal', 'medical']));
      for (const name of ['base', 'legal', 'medical']) expect(await fleet.client.chat(name)).toEqual(answered);
    }, 90_000);

    it('says what is wrong with one that cannot be loaded, to the operator and to who asks for it', async () => {
      const { adapters } = await fleet.reaches('base', 'told', (status) =>
        Boolean(status.adapters?.find(({ name }) => name === 'broken')?.message),
      );
      const broken = adapters!.find(({ name }) => name === 'broken')!;
      expect(broken).toMatchObject({
        ready: 0,
        wanted: 1,
        message: expect.stringContaining('no adapter at /adapters/missing'),
      });
      const refusal = { code: 'engine_unavailable', message: expect.stringContaining('broken of models/base') };
      // Whichever of the controllers is asked.
      for (let i = 0; i < 4; i += 1) expect((await fleet.client.chat('broken')).error).toMatchObject(refusal);
    }, 90_000);

    it('loads them again when the pod is gone, and answers who asks meanwhile', async () => {
      const [before] = await fleet.podNames('base');
      await fleet.kubectl(`delete pod ${before}`);
      expect(await fleet.client.chat('legal')).toEqual(answered);
      expect(await fleet.client.chat('medical')).toEqual(answered);
      expect(await fleet.podNames('base')).not.toContain(before);
    }, 90_000);
  });

  describe('that nobody asks', () => {
    // A step takes some seconds: routers hear of it first.
    const ladder = { sleepSeconds: 3, deepSleepSeconds: 12, zeroSeconds: 20 };

    it('sleep, deeper, and go; each step is undone by one request, without a new pod while there is one', async () => {
      await fleet.serve('drowsy', { scaling: { ...restless, idle: ladder } });
      expect(await fleet.client.chat('drowsy')).toEqual(answered);
      const pod = await fleet.podNames('drowsy');
      for (const level of [1, 2]) {
        await fleet.reaches('drowsy', `asleep at level ${level}`, ({ phase, sleepingReplicas, scaling }) =>
          Boolean(phase === 'Sleeping' && sleepingReplicas === 1 && scaling?.reason.includes(`sleep level ${level}`)),
        );
        expect(await fleet.client.chat('drowsy')).toEqual(answered);
        expect(await fleet.podNames('drowsy')).toEqual(pod);
      }
      await fleet.reaches('drowsy', 'at zero', ({ phase }) => phase === 'Zero');
      expect(await fleet.client.chat('drowsy')).toEqual(answered);
    }, 180_000);

    it('answer every request, whenever on the way down it comes', async () => {
      const names = ['early', 'late'];
      const idle = { sleepSeconds: 1, deepSleepSeconds: 2, zeroSeconds: 4 };
      for (const name of names) await fleet.serve(name, { scaling: { ...restless, idle } });
      const answers = await Promise.all(
        names.map(async (name, index) => {
          const all = [];
          for (let gapMs = 300 * index; gapMs <= 6_000; gapMs += 600) {
            await new Promise((resolve) => setTimeout(resolve, gapMs));
            all.push(await fleet.client.chat(name));
          }
          return all;
        }),
      );
      for (const answer of answers.flat()) expect(answer).toEqual(answered);
    }, 180_000);
  });

  describe('whose engine ends at its start', () => {
    it('are not given more replicas, and say so to who waits and in their status', async () => {
      await fleet.serve('crash', { ...env('SEED', 'abc'), scaling: { maxReplicas: 3, target: { requests: 1 } } });
      const refusal = { code: 'engine_unavailable', message: expect.stringContaining('--seed') };
      expect((await fleet.client.chat('crash')).error).toMatchObject(refusal);
      const { conditions } = await fleet.reaches('crash', 'Degraded', ({ phase }) => phase === 'Degraded');
      const degraded = { type: 'Degraded', status: 'True', message: refusal.message };
      expect(conditions).toContainEqual(expect.objectContaining(degraded));
      const answers = await Promise.all([1, 2, 3].map(() => fleet.client.chat('crash')));
      for (const { error } of answers) expect(error).toMatchObject(refusal);
      expect(await fleet.podNames('crash')).toHaveLength(1);
    }, 120_000);

    it('serve once the spec is mended', async () => {
      await fleet.change('crash', { engine: { env: [] } });
      await fleet.reaches('crash', 'mended', ({ phase }) => phase !== 'Degraded');
      expect(await fleet.client.chat('crash')).toEqual(answered);
    }, 120_000);
  });

  describe('in the hands of an operator', () => {
    it('are refused with a sentence where they make no sense', async () => {
      const scaling = { minReplicas: 3, maxReplicas: 1 };
      await expect(fleet.serve('nonsense', { scaling })).rejects.toThrow(/minReplicas/);
    });

    it('are scaled by kubectl, and repaired where somebody else changes what is theirs', async () => {
      await fleet.serve('owned', { replicas: 1 });
      await fleet.reaches('owned', 'at one', ({ readyReplicas }) => readyReplicas === 1);
      await fleet.kubectl('scale model owned --replicas 2');
      await fleet.reaches('owned', 'at two', ({ readyReplicas }) => readyReplicas === 2);
      const label = '--selector fleet.flotilla.dev/model=owned';
      const [deployment] = (await fleet.kubectl(`get deployment ${label} --output name`)).trim().split('\n');
      const [service] = (await fleet.kubectl(`get service ${label} --output name`)).trim().split('\n');
      await fleet.kubectl(`delete ${service}`);
      await fleet.kubectl(`scale ${deployment} --replicas 5`);
      const counts = async () =>
        (await fleet.kubectl(`get ${deployment} --output jsonpath='{.spec.replicas} {.status.readyReplicas}'`)).trim();
      await until(async () => (await counts()) === '2 2', { timeoutMs: 90_000, everyMs: 1_000, what: 'two again' });
      await until(() => fleet.kubectl(`get ${service} --output name`), {
        ...{ timeoutMs: 30_000, everyMs: 1_000, what: 'its Service again' },
      });
    }, 180_000);

    it('end whole what runs on them when they are deleted, and leave nothing', async () => {
      const stream = fleet.client.chat('owned', 8_000);
      await until(
        async () => (await fleet.kubectl('get model owned --output jsonpath="{.status.readyReplicas}"')).trim() === '2',
        { timeoutMs: 30_000, everyMs: 500, what: 'two that serve' },
      );
      await fleet.kubectl('delete model owned --wait=false');
      expect(await stream).toEqual(answered);
      const kinds = 'model,deployment,pod,service,serviceaccount,networkpolicy,poddisruptionbudget,pvc,job';
      const left = async () =>
        (await fleet.kubectl(`get ${kinds} --output name --selector fleet.flotilla.dev/model=owned`)).trim();
      await until(async () => (await left()) === '', { timeoutMs: 60_000, everyMs: 1_000, what: 'nothing to be left' });
      expect((await fleet.client.chat('owned')).error).toMatchObject({ code: 'model_not_found' });
    }, 150_000);
  });

  describe('under two controllers', () => {
    const logs: string[] = [];

    it('start for a request that is held while the one that leads is killed', async () => {
      await fleet.serve('cold', env('STARTUP_MS', '4000'));
      const chat = fleet.client.chat('cold');
      await until(async () => (await fleet.podsOf('cold')).length === 1, { what: 'a pod', everyMs: 200 });
      logs.push(await fleet.killLeader());
      expect(await chat).toEqual(answered);
    }, 150_000);

    it('get by with the rights the chart gives them', async () => {
      for (const controller of await fleet.controllers())
        expect(await fleet.logOf(controller)).not.toMatch(/forbidden/i);
    });
  });

  it('run on dearer hardware after two minutes in which the cheaper one could not be had', async () => {
    const { scaling } = await fleet.reaches('choosy', 'ready', ({ readyReplicas }) => readyReplicas === 1, 150_000);
    expect(scaling!.byProfile).toEqual(
      expect.arrayContaining([
        { profile: 'cheap', replicas: 0 },
        { profile: 'dear', replicas: 1 },
      ]),
    );
    const [pod, ...others] = await fleet.podsOf('choosy');
    expect(others).toEqual([]);
    expect(pod!.metadata).toMatchObject({ namespace, labels: { 'fleet.flotilla.dev/profile': 'dear' } });
  }, 180_000);
});
