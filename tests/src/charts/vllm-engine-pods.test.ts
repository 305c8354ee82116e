import { describeWith } from '@flotilla/testkit';
import { expect, it } from '@jest/globals';
import { byController, engineOf, find, least, renderEngine, templatesOf, variants } from './vllm-engine.fixture.ts';

describeWith(['helm'], 'the engines of charts/vllm-engine', () => {
  it.each([
    ['the hub', 'a token for the hub', 'Qwen/Qwen3-8B', ['--revision', '9c925d6'], 'HF_TOKEN'],
    ['a volume', 'weights on a volume', '/models/qwen3-8b', [], 'HF_HOME'],
    ['a bucket', 'weights in a bucket', 's3://models/qwen', ['--load-format', 'runai_streamer'], 'AWS_ACCESS_KEY_ID'],
    ['an image', 'weights in an image', '/models/weights', [], 'HF_HOME'],
  ])('takes weights from %s', async (_what, variant, place, flags, variable) => {
    const { args, env } = await engineOf(variants[variant]!);
    expect(args[0]).toBe(place);
    expect(args.join(' ')).toContain(flags.join(' '));
    expect(env!.map(({ name }) => name)).toContain(variable);
  });

  it('puts no secret into a manifest', async () => {
    const { env } = await engineOf(variants['weights in a bucket']!);
    const secret = env!.filter(({ name }) => /KEY|TOKEN/.test(name));
    expect(secret).toHaveLength(3);
    for (const { value, valueFrom } of secret)
      expect([value, valueFrom]).toEqual([undefined, { secretKeyRef: expect.any(Object) }]);
  });

  it('uses all GPUs of a replica for each layer, or as it is told', async () => {
    expect((await engineOf(variants['eight GPUs']!)).args).toEqual(
      expect.arrayContaining(['--tensor-parallel-size', '8']),
    );
    const halved = { ...least, profile: { count: 8, pipelineParallel: 2 } };
    expect(flagsOf((await engineOf(halved)).args)).toMatchObject({
      '--tensor-parallel-size': '4',
      '--pipeline-parallel-size': '2',
    });
    expect(flagsOf((await engineOf(least)).args)).not.toHaveProperty('--tensor-parallel-size');
  });

  it('makes a group of a replica on several hosts: the first answers, the others only compute', async () => {
    const objects = await renderEngine(variants['two hosts']!);
    expect(find(objects, 'Deployment')).toBeUndefined();
    const group = find(objects, 'LeaderWorkerSet')!.spec as { leaderWorkerTemplate: { size: number } };
    expect(group.leaderWorkerTemplate.size).toBe(2);
    const [leader, worker] = templatesOf([find(objects, 'LeaderWorkerSet')!]).map(({ metadata, spec }) => ({
      role: metadata.labels['fleet.flotilla.dev/role'],
      ...(spec.containers[0] as unknown as { args: string[]; ports?: unknown[]; readinessProbe?: object }),
    }));
    expect(flagsOf(leader!.args)).toMatchObject({
      '--tensor-parallel-size': '8',
      '--pipeline-parallel-size': '2',
      '--nnodes': '$(LWS_GROUP_SIZE)',
    });
    expect([leader!.role, leader!.args.includes('--headless'), leader!.ports?.length]).toEqual(['leader', false, 1]);
    expect([worker!.role, worker!.args.includes('--headless'), worker!.readinessProbe]).toEqual([
      'worker',
      true,
      undefined,
    ]);
  });

  it('gives weights the time they take, and requests the time to end', async () => {
    const values = { ...least, startTimeoutSeconds: 601, drainSeconds: 120, preStopSeconds: 7 };
    const { startupProbe, lifecycle, args } = await engineOf(values);
    expect(startupProbe!.periodSeconds * startupProbe!.failureThreshold).toBe(605);
    expect(flagsOf(args)['--shutdown-timeout']).toBe('120');
    expect(lifecycle!.preStop.sleep.seconds).toBe(7);
    const [pod] = templatesOf(await renderEngine(values));
    expect(pod!.spec.terminationGracePeriodSeconds).toBeGreaterThan(127);
  });

  it('leaves replicas to whoever scales, and makes the same pods whatever their number', async () => {
    const [none, three] = await Promise.all([renderEngine(least), renderEngine({ ...least, replicas: 3 })]);
    expect(find(none, 'Deployment')!.spec).not.toHaveProperty('replicas');
    expect(find(three, 'Deployment')!.spec).toMatchObject({ replicas: 3 });
    expect(templatesOf(three)).toEqual(templatesOf(none));
  });

  it('takes adapters while it runs with the controller, and at the start without', async () => {
    const one = [{ name: 'legal', path: '/models/legal' }];
    const two = [...one, { name: 'medical', path: '/models/medical' }];
    const [managed, more, byHand] = await Promise.all([
      engineOf({ ...least, ...byController, adapters: one }),
      engineOf({ ...least, ...byController, adapters: two }),
      engineOf({ ...least, adapters: two }),
    ]);
    // Another adapter is no other pod.
    expect(more).toEqual(managed);
    expect(managed.args).toContain('--enable-lora');
    expect(managed.args).not.toContain('--lora-modules');
    expect(managed.env).toContainEqual({ name: 'VLLM_ALLOW_RUNTIME_LORA_UPDATING', value: 'True' });
    expect(byHand.args.slice(-3)).toEqual(['--lora-modules', 'legal=/models/legal', 'medical=/models/medical']);
  });

  it('turns development endpoints on for sleep alone', async () => {
    expect((await engineOf({ ...least, sleep: true })).env).toContainEqual({
      name: 'VLLM_SERVER_DEV_MODE',
      value: '1',
    });
    expect((await engineOf(least)).env!.map(({ name }) => name)).not.toContain('VLLM_SERVER_DEV_MODE');
  });

  it('lets a Model replace what the chart would set', async () => {
    const { args, env } = await engineOf({
      ...least,
      engine: { args: ['--max-model-len=4096'], env: [{ name: 'HF_HOME', value: '/tmp' }] },
    });
    expect(args.at(-1)).toBe('--max-model-len=4096');
    expect(env!.filter(({ name }) => name === 'HF_HOME')).toEqual([{ name: 'HF_HOME', value: '/tmp' }]);
  });
});

/** Flags with what follows them. */
function flagsOf(args: readonly string[]): Record<string, string | undefined> {
  return Object.fromEntries(args.flatMap((arg, i) => (arg.startsWith('--') ? [[arg, args[i + 1]] as const] : [])));
}
