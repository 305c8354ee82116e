import { describe, expect, it } from '@jest/globals';
import { fakeReplicas, outcomeOf, podOf } from './replicas.fixture.ts';

describe('the engines of a Model', () => {
  it('are told with what they serve, where they stand and which version they are', async () => {
    const { pods, replicas, view, engine, told } = fakeReplicas({ adapters: [{ name: 'sql', path: '/sql' }] });
    engine('p1').adapters.set('sql', '/sql');
    await pods(1);
    replicas.steer({ shares: new Map([['v1', 0.9]]) });
    expect(view('p1')).toMatchObject({
      ...{ id: 'default/p1', provider: 'fleet', kind: 'vllm', baseUrl: 'http://10.0.0.1:1/v1', state: 'ready' },
      ...{ scope: 'default/m', zone: 'r/z', onDemand: true, activatable: [], group: { name: 'v1', share: 0.9 } },
      models: [
        { name: 'm', capabilities: ['chat'] },
        { name: 'sql', capabilities: ['chat'] },
      ],
      load: { running: 0, waiting: 0 },
    });
    expect(replicas.engines()).toHaveLength(1);
    expect(replicas.list()).toMatchObject([
      { pod: 'p1', state: 'ready', adapters: ['sql'], promptTokens: 7, generatedTokens: 9, node: 'n1' },
    ]);
    expect(told.states).toBeGreaterThan(0);
    replicas.steer({ shares: null });
    expect(view('p1')).not.toHaveProperty('group');
    await replicas.close();
  });

  it('are known by the cluster’s word to a controller that begins to lead a Model at rest, until they are asked', async () => {
    const { apply, replicas, clock } = fakeReplicas();
    apply(
      [1, 2, 3].map((port) => podOf(`p${port}`, { port })),
      {},
      { phase: 'Ready', revision: 'v1' },
    );
    expect(replicas.known()).toBe(true);
    const told = replicas.engines().map(({ state, models }) => [state, ...models.map(({ name }) => name)]);
    expect(told).toEqual(Array(3).fill(['ready', 'm']));
    expect(replicas.list()[0]).not.toHaveProperty('load');
    await clock.advanceAsync(3_000);
    expect(replicas.list()[0]).toHaveProperty('load');
    await replicas.close();
  });

  it.each([
    ['are of another version', {}, { phase: 'Ready', revision: 'v2' }],
    ['are rolled out', {}, { phase: 'Rolling', revision: 'v1' }],
    ['may serve an older spec', {}, { phase: 'Ready', revision: 'v1', observedGeneration: 1 }],
    ['may sleep', { scaling: { idle: { sleepSeconds: 60 } } }, { phase: 'Ready', revision: 'v1' }],
    ['slept', {}, { phase: 'Ready', revision: 'v1', sleepingReplicas: 1 }],
    ['may have adapters', { adapters: [{ name: 'sql', path: '/sql' }] }, { phase: 'Ready', revision: 'v1' }],
  ])('that %s are not known before they are asked', async (_, spec, status) => {
    const { apply, replicas, clock } = fakeReplicas(spec);
    apply([podOf('p1', { port: 1 })], spec, status);
    expect(replicas.known()).toBe(false);
    expect(replicas.list()).toMatchObject([{ state: 'starting' }]);
    await clock.advanceAsync(1_000);
    expect(replicas.list()).toMatchObject([{ state: 'ready' }]);
    await replicas.close();
  });

  it('are known by one request each to a controller that begins to lead, where they have one name', async () => {
    const fake = fakeReplicas();
    await fake.pods(3);
    expect(fake.engine('p1')).toMatchObject({ looks: 1, wholeLooks: 0 });
    await fake.clock.advanceAsync(60_000);
    expect(fake.engine('p1').wholeLooks).toBeGreaterThan(0);
    await fake.replicas.close();
  });

  it.each([
    ['serve another name', {}, { model: 'other' }, {}, ['other']],
    ['may have adapters', { adapters: [{ name: 'sql', path: '/sql' }] }, {}, {}, ['m']],
    ['start', {}, {}, { ready: false }, ['m']],
  ])('that %s are asked for all', async (_, spec, engine, facts, names) => {
    const fake = fakeReplicas(spec);
    Object.assign(fake.engine('p1'), engine);
    await fake.pods(1, () => facts);
    expect(fake.engine('p1').wholeLooks).toBeGreaterThan(0);
    expect(fake.view('p1')!.models.map(({ name }) => name)).toEqual(expect.arrayContaining(names));
    await fake.replicas.close();
  });

  it('are not told before each that the cluster calls ready has been asked: routers know better', async () => {
    const { apply, replicas, clock, change, pods } = fakeReplicas();
    await pods(0);
    expect(replicas.known()).toBe(true);
    apply([podOf('p1', { port: 1 }), podOf('p2', { port: 2, ready: false, ip: '' })]);
    expect(replicas.known()).toBe(false);
    await clock.advanceAsync(100);
    expect(replicas.known()).toBe(true);
    change('p2', { ready: true, ip: '10.0.0.2' });
    expect(replicas.known()).toBe(false);
    await replicas.close();
  });

  it.each([
    ['has no node', { node: '', ip: '', unscheduled: '0/2 nodes have a GPU' }, 'pending', 'starting', '0/2 nodes'],
    [
      'has no address',
      { ip: '', waiting: { reason: 'ContainerCreating', message: '' } },
      'starting',
      'starting',
      'Cont',
    ],
    [
      'cannot pull',
      { waiting: { reason: 'ErrImagePull', message: 'no such tag' } },
      'failing',
      'unhealthy',
      'no such tag',
    ],
    ['has ended', { phase: 'Failed' }, 'failing', 'unhealthy', 'ended'],
    ['is deleted', { deleted: true }, 'ending', 'stopped', 'deletes'],
  ] as const)('whose pod %s are no use, and it is said why', async (_, facts, state, told, reason) => {
    const fake = fakeReplicas();
    await fake.pods(1, () => facts);
    expect(fake.state('p1')).toBe(state);
    expect(fake.view('p1')).toMatchObject({ state: told, models: [], reason: expect.stringContaining(reason) });
    expect(fake.engine('p1').looks).toBe(0);
    await fake.replicas.close();
  });

  it('tell the last words of a container that never served, and of no other', async () => {
    const lastEnd = { reason: 'Error', exitCode: 1, message: 'loading\nCUDA out of memory\n' };
    const crash = { ready: false, waiting: { reason: 'CrashLoopBackOff', message: '' }, lastEnd, restarts: 3 };
    const fake = fakeReplicas();
    fake.engine('p1').up = false;
    await fake.pods(2, () => ({ ready: false }));
    fake.change('p1', crash);
    fake.change('p2', crash);
    expect(fake.view('p1')!.reason).toBe('CrashLoopBackOff (Error, exit code 1: CUDA out of memory)');
    expect(fake.view('p2')!.reason).toBe('CrashLoopBackOff (Error, exit code 1)');
    fake.change('p1', { waiting: undefined, restarts: 4 });
    expect(fake.view('p1')).toMatchObject({ state: 'starting', reason: expect.stringContaining('CUDA out of memory') });
    await fake.replicas.close();
  });

  it('are unhealthy after two probes without an answer, and ready with the next that has one', async () => {
    const { pods, engine, clock, state, view, replicas } = fakeReplicas();
    await pods(1);
    engine('p1').up = false;
    await clock.advanceAsync(1_300);
    expect(state('p1')).toBe('ready');
    await clock.advanceAsync(1_200);
    expect(state('p1')).toBe('lost');
    expect(view('p1')).toMatchObject({ state: 'unhealthy', reason: 'nothing listens at its address' });
    engine('p1').up = true;
    await clock.advanceAsync(1_200);
    expect(state('p1')).toBe('ready');
    await replicas.close();
  });

  it('start anew when their container was restarted', async () => {
    const { pods, engine, clock, state, change, replicas } = fakeReplicas();
    await pods(1);
    engine('p1').up = false;
    change('p1', { restarts: 1, ready: false });
    expect(state('p1')).toBe('starting');
    engine('p1').up = true;
    await clock.advanceAsync(200);
    expect(state('p1')).toBe('ready');
    await replicas.close();
  });
});

describe('a request for a model that nothing serves', () => {
  it('finds an engine that stands for the model, and is answered by the first replica that is ready', async () => {
    const { pods, standIn, engine, replicas, told, clock } = fakeReplicas({
      adapters: [{ name: 'sql', path: '/sql' }],
    });
    expect(standIn()).toMatchObject({
      state: 'stopped',
      onDemand: true,
      activatable: ['m', 'sql'],
      scope: 'default/m',
    });
    const outcome = outcomeOf(replicas.activate('m', new AbortController().signal));
    expect(told.demands).toBe(1);
    engine('p1').up = false;
    await pods(1, () => ({ ready: false }));
    expect(outcome()).toBe('waiting');
    engine('p1').up = true;
    await clock.advanceAsync(170);
    expect(outcome()).toBe('default/p1');
    expect(standIn()?.activatable ?? []).not.toContain('m');
    await replicas.close();
  });

  it('is refused at once while nothing can start, with the reason, which other controllers are told', async () => {
    const { replicas, standIn, told } = fakeReplicas();
    const before = outcomeOf(replicas.activate('m', new AbortController().signal));
    replicas.refuse('p1 crashes: CUDA out of memory.');
    const after = replicas.activate('m', new AbortController().signal);
    await expect(after).rejects.toThrow('default/m cannot start: p1 crashes: CUDA out of memory.');
    expect(before()).toBe('engine_unavailable');
    expect(standIn()).toMatchObject({ refused: true, reason: 'p1 crashes: CUDA out of memory.' });
    const { states } = told;
    replicas.refuse(undefined);
    expect([standIn()?.refused, told.states]).toEqual([undefined, states + 1]);
    const later = outcomeOf(replicas.activate('m', new AbortController().signal));
    await Promise.resolve();
    expect(later()).toBe('waiting');
    await replicas.close();
  });

  it('fails after the time a start may take, with what the pods say', async () => {
    const { replicas, pods, clock } = fakeReplicas({ startTimeoutSeconds: 60 });
    await pods(1, () => ({ ready: false, node: '', ip: '', unscheduled: 'no GPU is free' }));
    const late = replicas.activate('m', new AbortController().signal);
    const told = expect(late).rejects.toMatchObject({
      code: 'err_model_start_timeout',
      message: 'default/m did not start within 60 s (p1: no GPU is free).',
    });
    await clock.advanceAsync(60_000);
    await told;
    await replicas.close();
  });

  it('is told at once when it never will be served: no such name, no replicas allowed, the controller goes', async () => {
    const { signal } = new AbortController();
    const fake = fakeReplicas();
    await expect(fake.replicas.activate('other', signal)).rejects.toMatchObject({ code: 'model_not_found' });
    const waiting = fake.replicas.activate('m', signal);
    const told = expect(waiting).rejects.toMatchObject({ code: 'unavailable' });
    await fake.replicas.close();
    await told;
    const none = fakeReplicas({ replicas: 0 });
    expect(none.replicas.engines()).toEqual([]);
    await expect(none.replicas.activate('m', signal)).rejects.toMatchObject({ code: 'engine_unavailable' });
    await none.replicas.close();
  });
});
