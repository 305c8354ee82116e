import { afterEach, describe, expect, it } from '@jest/globals';
import { startEngineSim, type EngineSim } from '@flotilla/engine-sim';
import { systemClock } from '@flotilla/kernel';
import { createSeededRandom, freePort, until } from '@flotilla/testkit';
import { createReplicas } from './model-replicas.ts';
import type { PodFacts } from './pod-facts.ts';
import { ProbeSchedule } from './probe-schedule.ts';
import { modelOf, podOf } from './replicas.fixture.ts';
import { replicaSettingsSchema } from './settings.ts';
import { createVllmControl } from './vllm-control.http.ts';

const drainGraceMs = 100;
const group = { revision: 'v1', profile: 'a' };

const sims: EngineSim[] = [];
const closers: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const close of closers.splice(0)) await close();
  await Promise.all(sims.splice(0).map((sim) => sim.stop()));
});

async function start(options: Parameters<typeof startEngineSim>[0] = {}): Promise<EngineSim> {
  const sim = await startEngineSim({ model: 'm', embeddingModel: '', ...options });
  sims.push(sim);
  return sim;
}

/** The replicas of a Model whose pods are at these ports, over HTTP and with the machine's clock. */
function replicasAt(ports: readonly number[], spec: Record<string, unknown> = {}) {
  const settings = replicaSettingsSchema.parse({ podProbeStartingMs: 20, podProbeBusyMs: 50, podProbeCalmMs: 100 });
  const schedule = new ProbeSchedule({ clock: systemClock, random: createSeededRandom(), settings });
  const control = createVllmControl();
  const parts = { clock: systemClock, control, schedule, drainGraceMs };
  const told = { discarded: [] as string[] };
  const replicas = createReplicas(modelOf(spec), parts, {
    changed: () => undefined,
    onDemand: () => undefined,
    discard: (pod) => void told.discarded.push(pod),
  });
  closers.push(async () => {
    await replicas.close();
    await control.close();
  });
  const apply = (change: (name: string) => Partial<PodFacts> = () => ({})) => {
    const pods = ports.map((port, i) =>
      podOf(`p${i + 1}`, { ip: '127.0.0.1', port, createdAt: i, ...change(`p${i + 1}`) }),
    );
    replicas.update(modelOf(spec), pods);
  };
  apply();
  const state = (name: string) => replicas.list().find(({ pod }) => pod === name)?.state;
  const reaches = (name: string, wanted: string) =>
    until(() => state(name) === wanted, { what: `${name} to be ${wanted}` });
  return { replicas, told, apply, state, reaches };
}

const ask = (sim: EngineSim, body: object) =>
  fetch(`${sim.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'm', messages: [{ role: 'user', content: 'Say hello' }], ...body }),
  });

const answerOf = async (response: Response) => {
  const { choices } = (await response.json()) as { choices: { message: { content: string } }[] };
  return choices[0]!.message.content;
};

describe('engines in pods', () => {
  it('are ready as soon as they answer, for the request that waits', async () => {
    const port = await freePort();
    const { replicas } = replicasAt([port]);
    const activated = replicas.activate('m', new AbortController().signal);
    await start({ port });
    expect(await activated).toMatchObject({ id: 'default/p1', state: 'ready', models: [{ name: 'm' }] });
  });

  it('drain until a stream has ended whole', async () => {
    const [one, two] = [await start({ decodeTokensPerSecond: 40 }), await start()];
    const { replicas, reaches, state } = replicasAt([one.port, two.port]);
    await reaches('p1', 'ready');
    await reaches('p2', 'ready');
    const stream = await ask(one, { stream: true, max_tokens: 60, ignore_eos: true });
    const text = stream.text();
    await until(() => replicas.list()[0]!.load?.running === 1, { what: 'the stream to be seen' });
    // The idle one goes first, the one with the stream when that is over.
    await until(() => replicas.drained(group, 1).includes('p2'), { what: 'the idle one to be drained' });
    expect(state('p1')).toBe('ready');
    await until(() => replicas.drained(group, 2).includes('p1'), { what: 'the busy one to be drained' });
    expect(one.stats()).toMatchObject({ running: 0, aborted: 0, served: 1 });
    expect((await text).trimEnd().endsWith('data: [DONE]')).toBe(true);
  });

  it.each([1, 2] as const)('sleep at level %i and wake for requests, and no request is lost', async (level) => {
    const sim = await start({ wakeMs: 20 });
    const { replicas, reaches } = replicasAt([sim.port]);
    await reaches('p1', 'ready');
    for (let round = 0; round < 3; round += 1) {
      replicas.sleep(level);
      await reaches('p1', 'asleep');
      expect(replicas.list()[0]!.sleepLevel).toBe(level);
      const requests = Array.from({ length: 4 }, async () => {
        await replicas.activate('m', new AbortController().signal);
        return answerOf(await ask(sim, {}));
      });
      // After level 2 without its weights it would answer noise.
      expect(await Promise.all(requests)).toEqual(Array(4).fill('hello'));
      replicas.sleep(0);
      await until(() => replicas.list()[0]!.load?.running === 0);
      // A replica that was promised to a request is kept for 5 s: the next round begins with one that knows of none.
      if (round < 2) replicas.update(modelOf(), []);
      if (round < 2) replicas.update(modelOf(), [podOf('p1', { uid: `r${round}`, ip: '127.0.0.1', port: sim.port })]);
      await reaches('p1', 'ready');
    }
    expect(sim.stats()).toMatchObject({ aborted: 0, failed: 0, served: 12 });
  });

  it('that do not wake are given up', async () => {
    const sim = await start();
    const { replicas, reaches, told } = replicasAt([sim.port]);
    await reaches('p1', 'ready');
    replicas.sleep(1);
    await reaches('p1', 'asleep');
    await fetch(`${sim.url}/sim/faults`, { method: 'POST', body: JSON.stringify({ fault: '500', path: '/wake_up' }) });
    replicas.sleep(0);
    await reaches('p1', 'failing');
    expect(told.discarded).toEqual(['p1']);
  });

  it('have their adapters again after a restart, and requests for these are answered', async () => {
    const port = await freePort();
    const adapters = [{ name: 'sql', path: '/adapters/sql' }];
    const first = await start({ port });
    const { replicas, apply, reaches } = replicasAt([port], { adapters });
    const has = () => replicas.adapters()[0]!.ready === 1;
    await until(has, { what: 'the adapter to be loaded' });
    expect(await answerOf(await ask(first, { model: 'sql' }))).toBe('hello');
    await first.stop();
    await reaches('p1', 'lost');
    const second = await start({ port });
    apply(() => ({ restarts: 1 }));
    await until(has, { what: 'the adapter to be loaded anew' });
    expect(await answerOf(await ask(second, { model: 'sql' }))).toBe('hello');
  });

  it('without such an adapter say so', async () => {
    const sim = await start();
    const { replicas } = replicasAt([sim.port], { adapters: [{ name: 'sql', path: '/missing/sql' }] });
    const message = 'p1: there is no adapter at /missing/sql';
    await until(() => replicas.adapters()[0]!.message === message, { what: 'the reason to be told' });
  });

  it('that hang are lost, and do not hold up the controller when it ends', async () => {
    const sim = await start();
    const { replicas, reaches } = replicasAt([sim.port]);
    await reaches('p1', 'ready');
    await fetch(`${sim.url}/sim/faults`, { method: 'POST', body: JSON.stringify({ fault: 'hang', path: '/' }) });
    await reaches('p1', 'lost');
    await replicas.close();
    expect(replicas.list()).toEqual([]);
  });
});
