import { tierSchema, type TierConfig } from '@flotilla/kernel';
import { createFakeClock, until } from '@flotilla/testkit';
import { describe, expect, it } from '@jest/globals';
import { KeyUse } from './key-use.ts';
import { memoryKeyStore } from './key-store.fixture.ts';
import { LiveTiers } from './live-tiers.ts';
import { plansOf } from './plans.fixture.ts';

describe('the tiers of the database', () => {
  it('are those it last told, and a change whose event was lost is felt within 30 s', async () => {
    const clock = createFakeClock();
    const state = { down: true, tiers: new Map<string, TierConfig>() };
    const store = {
      ...memoryKeyStore(),
      async tiers() {
        if (state.down) throw new Error('connection refused');
        return state.tiers;
      },
    };
    const { plans } = plansOf('');
    const tiers = new LiveTiers(store, plans, clock);
    await tiers.start();
    expect(plans.knows('gold')).toBe(false);
    state.down = false;
    state.tiers.set('gold', tierSchema.parse({ requests_per_minute: 5 }));
    clock.advance(30_000);
    await until(() => plans.knows('gold'));
    const { version } = plans;
    await tiers.refresh();
    expect(plans.version).toBe(version);
    state.down = true;
    await tiers.refresh();
    expect(plans.knows('gold')).toBe(true);
    tiers.close();
    expect(clock.pending).toBe(0);
  });
});

describe('the use of keys', () => {
  it('is noted once a minute, once for each key, and lost with a database that is away', async () => {
    const clock = createFakeClock();
    const noted: string[][] = [];
    const store = {
      ...memoryKeyStore(),
      async noteUse(keyIds: readonly string[]) {
        noted.push([...keyIds]);
        if (noted.length === 2) throw new Error('connection refused');
      },
    };
    const use = new KeyUse(store, clock);
    use.start();
    for (const id of ['key_1', 'key_2', 'key_1']) use.note(id);
    clock.advance(60_000);
    clock.advance(60_000);
    expect(noted).toEqual([['key_1', 'key_2']]);
    use.note('key_3');
    await use.flush();
    use.note('key_4');
    await use.flush();
    expect(noted.slice(1)).toEqual([['key_3'], ['key_4']]);
    use.close();
    expect(clock.pending).toBe(0);
  });
});
