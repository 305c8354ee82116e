import { describe, expect, it } from '@jest/globals';
import { FlotillaError } from '@flotilla/kernel';
import { prometheusText } from '@flotilla/telemetry';
import { createFakeClock, until } from '@flotilla/testkit';
import { keptAnswer } from './answer-store.contract.fixture.ts';
import type { AnswerStore } from './answer-store.ts';
import { KeptAnswers } from './kept-answers.ts';

const clock = createFakeClock();
const nowhere = Promise.resolve(undefined);
const answer = keptAnswer('a');
const row = (key: string) => ({
  ...{ orgId: 'acme', key, model: 'm', text: JSON.stringify(answer) },
  ...{ keptAt: clock.now(), expiresAt: clock.now() + 60_000 },
});
const outcome = (name: string) =>
  Number(new RegExp(`cache_answers_total\\{[^}]*outcome="${name}"[^}]*\\} (\\d+)`).exec(prometheusText())?.[1] ?? 0);

function open(store: Partial<AnswerStore>, settings: object = {}): KeptAnswers {
  return new KeptAnswers({
    ...{ store: store as AnswerStore, clock, maxPerOrg: () => 100, cacheMemoryBytes: 10_000 },
    ...{ cacheMemoryMs: 60_000, cacheMaxUnwritten: 2, cacheSweepMs: 1_000, ...settings },
  });
}

describe('kept answers', () => {
  it('wait in a bounded number for a store that hangs, which holds up neither memory nor the end for long', async () => {
    const before = outcome('refused');
    const kept = open({ keep: () => new Promise(() => undefined) });
    for (const key of ['a', 'b', 'c']) kept.keep(row(key), answer, kept.purges, nowhere);
    await until(() => outcome('refused') === before + 1);
    expect(kept.inMemory('acme', 'c')).toEqual(answer);
    const failed = outcome('failed');
    const stopped = kept.stop();
    await clock.advanceAsync(5_000);
    await stopped;
    expect(outcome('failed')).toBe(failed + 2);
  });

  it('that were begun before a purge are kept nowhere, also when they only wait to be written', async () => {
    const written: string[] = [];
    let go!: () => void;
    const gate = new Promise<void>((resolve) => (go = resolve));
    const kept = open({
      async keep(rows) {
        await gate;
        written.push(...rows.map(({ key }) => key));
      },
    });
    const since = kept.purges;
    kept.keep(row('first'), answer, since, nowhere);
    await Promise.resolve();
    await Promise.resolve();
    kept.keep(row('waits'), answer, since, nowhere);
    await until(() => kept.inMemory('acme', 'waits') !== undefined);
    await Promise.resolve();
    kept.forget({ orgId: '', model: '' });
    kept.keep(row('late'), answer, since, nowhere);
    go();
    await kept.stop();
    expect(written).not.toContain('waits');
    expect(written).not.toContain('late');
    expect(kept.inMemory('acme', 'late')).toBeUndefined();
  });

  it('are swept now and then, and again after a sweep that failed', async () => {
    let sweeps = 0;
    const kept = open({
      async sweep() {
        sweeps += 1;
        if (sweeps === 1) throw new FlotillaError('unavailable');
        return 3;
      },
    });
    kept.start();
    await clock.advanceAsync(2_000);
    await kept.stop();
    await clock.advanceAsync(2_000);
    expect(sweeps).toBe(2);
    expect(prometheusText()).toMatch(/flotilla_router_cache_swept_total(\{[^}]*\})? [1-9]/);
  });
});
