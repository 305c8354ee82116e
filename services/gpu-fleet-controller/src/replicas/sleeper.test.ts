import { describe, expect, it } from '@jest/globals';
import { ProbeFailure } from '../probe.ts';
import { fakeReplicas, outcomeOf } from './replicas.fixture.ts';

const broken = new ProbeFailure('/wake_up answers 500');

/** With one replica that sleeps at this level. */
async function asleep(level: 1 | 2, spec: Record<string, unknown> = {}) {
  const fake = fakeReplicas(spec);
  await fake.pods(1);
  fake.replicas.sleep(level);
  await fake.clock.advanceAsync(5_000);
  return fake;
}

describe('idle replicas', () => {
  it('sleep once all have heard that they are out of use and nothing runs on them', async () => {
    const { pods, replicas, engine, state, view, standIn, clock } = fakeReplicas();
    engine('p2').running = 1;
    await pods(2);
    replicas.sleep(1);
    expect([state('p1'), state('p2')]).toEqual(['draining', 'ready']);
    await clock.advanceAsync(1_500);
    expect(engine('p1').orders).toEqual([]);
    await clock.advanceAsync(3_000);
    expect([state('p1'), state('p2')]).toEqual(['asleep', 'ready']);
    expect(view('p1')).toMatchObject({ state: 'stopped', models: [] });
    expect(replicas.list()[0]).toMatchObject({ sleepLevel: 1 });
    expect(standIn()).toBeUndefined();
    engine('p2').running = 0;
    await clock.advanceAsync(6_000);
    expect(standIn()).toMatchObject({ activatable: ['m'] });
    await replicas.close();
  });

  it('do not sleep while requests run on them, though they were out of use', async () => {
    const { pods, replicas, engine, state, clock } = fakeReplicas();
    await pods(1);
    replicas.sleep(1);
    engine('p1').running = 1;
    await clock.advanceAsync(3_500);
    expect([state('p1'), engine('p1').orders]).toEqual(['ready', []]);
    await replicas.close();
  });

  it('sleep deeper by waking first, unseen: what sleeps stays at its level', async () => {
    const { replicas, engine, state, clock } = await asleep(1);
    replicas.sleep(2);
    await clock.advanceAsync(100);
    expect(engine('p1').orders).toEqual(['sleep 1', 'wake 1', 'sleep 2']);
    expect([state('p1'), replicas.list()[0]!.sleepLevel]).toEqual(['asleep', 2]);
    await replicas.close();
  });

  it('wake when they are to, by the way that their level takes', async () => {
    const { replicas, engine, state, clock } = await asleep(2);
    replicas.sleep(0);
    await clock.advanceAsync(100);
    expect([engine('p1').orders, state('p1')]).toEqual([['sleep 2', 'wake 2'], 'ready']);
    await replicas.close();
  });

  it('are found asleep by a controller that has just started, and left so', async () => {
    const { pods, replicas, engine, state, standIn } = fakeReplicas();
    engine('p1').sleepLevel = 2;
    await pods(1);
    expect([state('p1'), engine('p1').orders]).toEqual(['asleep', []]);
    expect(standIn()).toMatchObject({ activatable: ['m'] });
    await replicas.close();
  });

  it('that do not fall asleep are used on, and not asked again for a while', async () => {
    const { pods, replicas, engine, state, clock } = fakeReplicas();
    engine('p1').refuses.sleep = new ProbeFailure('it has no /sleep');
    await pods(1);
    replicas.sleep(1);
    await clock.advanceAsync(10_000);
    expect([state('p1'), engine('p1').orders]).toEqual(['ready', ['sleep 1']]);
    await clock.advanceAsync(65_000);
    expect(engine('p1').orders).toHaveLength(2);
    await replicas.close();
  });

  it('that do not wake are given up, for their pods to be replaced', async () => {
    const { replicas, engine, state, clock, told } = await asleep(1);
    engine('p1').refuses.wake = broken;
    replicas.sleep(0);
    await clock.advanceAsync(100);
    expect(state('p1')).toBe('failing');
    expect(told.discarded).toEqual(['p1: it could not be woken up: /wake_up answers 500']);
    await clock.advanceAsync(60_000);
    expect(engine('p1').orders).toEqual(['sleep 1', 'wake 1']);
    await replicas.close();
  });
});

describe('a request for a model that sleeps', () => {
  it('wakes one replica, which stays awake though the others sleep on', async () => {
    const { pods, replicas, engine, state, clock, told } = fakeReplicas();
    await pods(2);
    replicas.sleep(1);
    await clock.advanceAsync(5_000);
    expect((await replicas.activate('m', new AbortController().signal)).state).toBe('ready');
    expect(told.demands).toBe(1);
    await clock.advanceAsync(4_000);
    expect(['p1', 'p2'].filter((name) => state(name) === 'ready')).toHaveLength(1);
    expect([...engine('p1').orders, ...engine('p2').orders].filter((order) => order === 'wake 1')).toHaveLength(1);
    await replicas.close();
  });

  it('takes one back that was to sleep', async () => {
    const { pods, replicas, engine, clock } = fakeReplicas();
    await pods(1);
    replicas.sleep(1);
    await clock.advanceAsync(1_000);
    expect((await replicas.activate('m', new AbortController().signal)).id).toBe('default/p1');
    await clock.advanceAsync(3_000);
    expect(engine('p1').orders).toEqual([]);
    await replicas.close();
  });

  it('waits while one falls asleep, and wakes it then', async () => {
    const { pods, replicas, engine, clock } = fakeReplicas();
    await pods(1);
    let asleep = () => {};
    engine('p1').gate = new Promise<void>((resolve) => (asleep = resolve));
    replicas.sleep(2);
    await clock.advanceAsync(5_000);
    const outcome = outcomeOf(replicas.activate('m', new AbortController().signal));
    await clock.advanceAsync(1_000);
    expect([outcome(), engine('p1').orders]).toEqual(['waiting', ['sleep 2']]);
    asleep();
    await clock.advanceAsync(0);
    expect([outcome(), engine('p1').orders]).toEqual(['default/p1', ['sleep 2', 'wake 2']]);
    await replicas.close();
  });

  it('waits for another when it does not wake, and is told why when nothing can start', async () => {
    const { replicas, engine, clock, told } = await asleep(1);
    engine('p1').refuses.wake = broken;
    const outcome = outcomeOf(replicas.activate('m', new AbortController().signal));
    await clock.advanceAsync(100);
    expect([outcome(), told.discarded]).toEqual(['waiting', [expect.stringContaining('p1: ')]]);
    replicas.refuse('no GPU is left');
    await clock.advanceAsync(0);
    expect(outcome()).toBe('engine_unavailable');
    await replicas.close();
  });
});
