import { afterEach, describe, expect, it } from '@jest/globals';
import { prometheusText } from '@flotilla/telemetry';
import { until } from '@flotilla/testkit';
import { answers, sendJson, startFakeEngine, type FakeEngine, type Script } from '../fake-engine.fixture.ts';
import { startRouter, textOf, valueOf, type Started } from '../router.fixture.ts';

const open: { stop(): Promise<void> }[] = [];
afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one.stop();
});
const kept = <T extends { stop(): Promise<void> }>(one: T): T => {
  open.push(one);
  return one;
};

const refuses: Script = (response) => sendJson(response, { error: { message: 'no' } }, 500);
const caller = (userId: string, orgId = 'acme') => ({
  requestId: 'r',
  orgId,
  userId,
  keyId: 'k',
  tier: '',
  models: [],
});
const half = [
  { name: 'old', weight: 1 },
  { name: 'new', model: 'n', weight: 1 },
];

/** A router over the models m and n, each at an engine of its own that says the model's name. */
async function over(sections: object): Promise<{ router: Started; m: FakeEngine; n: FakeEngine; file: object }> {
  const m = kept(await startFakeEngine(answers('m')));
  const n = kept(await startFakeEngine(answers('n')));
  const provider = (name: string, fake: FakeEngine) => ({ name, kind: 'vllm' as const, base_url: `${fake.url}/v1` });
  const file = {
    providers: [provider('a', m), provider('b', n)],
    models: [
      { name: 'm', aliases: ['also'], targets: [{ provider: 'a' }] },
      { name: 'n', testing: true, targets: [{ provider: 'b' }] },
    ],
    ...sections,
  };
  return { router: kept(await startRouter({ file, config: { ejectBaseMs: 1 } })), m, n, file };
}

async function ask(router: Started, user: string, orgId?: string) {
  const events = await router.generate({ caller: caller(user, orgId) });
  const { routing } = valueOf(events, 'answerer')!;
  return { text: textOf(events), experiment: routing!.experiment, arm: routing!.arm };
}

describe('an experiment', () => {
  it('has each user answered by one arm, always the same, and says which', async () => {
    const { router } = await over({ experiments: [{ name: 'ab', models: ['m'], arms: half }] });
    const seen = new Map<string, string>();
    for (let i = 0; i < 60; i += 1) {
      const user = `user_${i % 20}`;
      const { text, experiment, arm } = await ask(router, user);
      expect(experiment).toBe('ab');
      expect(arm).toBe(text === 'n' ? 'new' : 'old');
      expect(seen.get(user) ?? arm).toBe(arm);
      seen.set(user, arm);
    }
    expect(new Set(seen.values())).toEqual(new Set(['old', 'new']));
    const events = await router.generate({ model: 'also', caller: caller('user_1') });
    expect(valueOf(events, 'answerer')?.routing?.arm).toBe(seen.get('user_1'));
    for (const arm of ['old', 'new']) {
      const labels = `arm="${arm}",experiment="ab"|experiment="ab",arm="${arm}"`;
      expect(prometheusText()).toMatch(new RegExp(`experiment_requests_total\\{(${labels}),outcome="ok"\\} \\d`));
      expect(prometheusText()).toMatch(new RegExp(`experiment_time_to_first_token_seconds_count\\{(${labels})\\} \\d`));
      expect(prometheusText()).toMatch(new RegExp(`experiment_tokens_total\\{(${labels}),type="output"\\} \\d`));
    }
  });

  it('is for its models and organisations, while it lasts', async () => {
    const arms = [half[1], { ...half[0], weight: 0 }];
    const only = { name: 'some', models: ['m'], orgs: ['acme'], arms };
    const past = { name: 'past', models: ['m'], until: '2020-01-01T00:00:00Z', arms };
    const { router } = await over({ experiments: [past, only] });
    expect(await ask(router, 'u')).toEqual({ text: 'n', experiment: 'some', arm: 'new' });
    expect(await ask(router, 'u', 'other')).toEqual({ text: 'm', experiment: '', arm: '' });
  });

  it('changes with the file', async () => {
    const { router, file } = await over({});
    expect((await ask(router, 'u')).experiment).toBe('');
    router.set({ ...file, experiments: [{ name: 'late', models: ['m'], arms: half }] } as never);
    expect((await ask(router, 'u')).experiment).toBe('late');
  });
});

describe('a canary', () => {
  it('that fails is stopped, and its users get the control’s answers', async () => {
    const canary = { arm: 'new', control: 'old', min_requests: 5 };
    const experiment = { name: 'canary', models: ['m'], arms: half, canary };
    const { router, n, file } = await over({ experiments: [experiment] });
    n.script = refuses;
    let failed = 0;
    for (let i = 0; i < 60; i += 1) await ask(router, `user_${i}`).catch(() => (failed += 1));
    expect(failed).toBeGreaterThanOrEqual(5);
    expect(failed).toBeLessThanOrEqual(8);
    expect(prometheusText()).toMatch(/canary_stopped\{[^}]*experiment="canary"[^}]*\} 1/);
    // Another definition is another canary.
    n.script = answers('n');
    router.set({ ...file, experiments: [{ ...experiment, canary: { ...canary, min_requests: 6 } }] } as never);
    const arms = await Promise.all(Array.from({ length: 20 }, (_, i) => ask(router, `user_${i}`)));
    expect(new Set(arms.map(({ arm }) => arm))).toEqual(new Set(['old', 'new']));
    expect(prometheusText()).toMatch(/canary_stopped\{[^}]*experiment="canary"[^}]*\} 0/);
  });
});

describe('a mirror', () => {
  const mirror = { name: 'shadow', models: ['m'], to: 'n', share: 1 };

  it('sends the prompt to the other model too, without its sender, and the caller notices nothing', async () => {
    const { router, m, n } = await over({ mirrors: [mirror] });
    expect(await ask(router, 'u')).toEqual({ text: 'm', experiment: '', arm: '' });
    await until(() => n.seen.length === 1);
    expect(n.seen[0]!.body.messages).toEqual(m.seen[0]!.body.messages);
    expect(n.seen[0]!.headers['x-request-id']).toBe('r-mirror');
    await until(() => /mirrored_total\{[^}]*outcome="ok"[^}]*\} 1/.test(prometheusText()));
  });

  it('never sees the prompts of those who do not want it', async () => {
    const { router, n } = await over({ mirrors: [{ ...mirror, except_orgs: ['acme'] }] });
    await ask(router, 'u');
    await ask(router, 'u', 'other');
    await until(() => n.seen.length > 0);
    expect(n.seen).toHaveLength(1);
  });

  it('holds up nobody, and gives up what is beyond its bound', async () => {
    const { router, n } = await over({ mirrors: [{ ...mirror, name: 'slow', max_concurrent: 2 }] });
    n.script = () => undefined;
    for (let i = 0; i < 6; i += 1) expect((await ask(router, 'u')).text).toBe('m');
    await until(() => /mirrored_total\{[^}]*mirror="slow",outcome="dropped"[^}]*\} 4/.test(prometheusText()));
    expect(n.seen).toHaveLength(2);
    // What it waits for ends with the service.
    await router.stop();
    open.splice(open.indexOf(router), 1);
    await until(() => n.seen.every((seen) => seen.aborted));
  });
});
