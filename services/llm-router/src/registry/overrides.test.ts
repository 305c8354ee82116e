import { describe, expect, it } from '@jest/globals';
import { createMemoryBus } from '@flotilla/bus';
import { FlotillaError } from '@flotilla/kernel';
import { createFakeClock } from '@flotilla/testkit';
import type { OverrideStore } from './override-store.ts';
import { sameKey, withOverride, type Override } from './override.ts';
import { Overrides } from './overrides.ts';
import { override, registryOf, targets } from './registry.fixture.ts';

const file = {
  default_provider: 'a',
  providers: ['a', 'b'].map((name) => ({ name, kind: 'openai', base_url: `http://${name}/v1` })),
};

/** A store in memory that can be down. */
function fakeStore() {
  const state = { all: [] as Override[], down: false };
  const there = () => {
    if (state.down) throw new FlotillaError('unavailable');
    return state.all;
  };
  const store: OverrideStore = {
    list: async () => there(),
    async put(one, check) {
      const next = withOverride(there(), one);
      check(next, state.all);
      return (state.all = next);
    },
    async remove(key, check) {
      const next = there().filter((one) => !sameKey(one, key));
      if (next.length === state.all.length) return undefined;
      check(next, state.all);
      return (state.all = next);
    },
  };
  return { state, store };
}

function setUp({ stored = [] as Override[], withStore = true } = {}) {
  const clock = createFakeClock();
  const bus = createMemoryBus();
  const { state, store } = fakeStore();
  state.all = stored;
  const { registry, set } = registryOf(file);
  const overrides = new Overrides({ registry, store: withStore ? store : undefined, bus, clock, refreshMs: 10_000 });
  return { clock, bus, state, store, registry, set, overrides };
}
const toB = JSON.stringify('b');

describe('what is set at run time', () => {
  it('is in force once it is set, with who set it and when', async () => {
    const { overrides, registry, clock } = setUp();
    await overrides.start();
    expect(targets(registry, 'x')).toEqual(['a → x']);
    const set = await overrides.set('setting', 'default_provider', toB, 'key_7');
    expect(set).toEqual({ ...override('setting', 'default_provider', 'b', clock.now()), updatedBy: 'key_7' });
    expect(targets(registry, 'x')).toEqual(['b → x']);
    expect(await overrides.list()).toEqual([set]);
    expect(await overrides.delete('setting', 'default_provider')).toBe(true);
    expect(targets(registry, 'x')).toEqual(['a → x']);
    expect(await overrides.delete('setting', 'default_provider')).toBe(false);
    await overrides.stop();
  });

  it('is in force before the first request, and after a lost event at the next read', async () => {
    const { overrides, registry, state, clock } = setUp({ stored: [override('setting', 'default_provider', 'b')] });
    await overrides.start();
    expect(targets(registry, 'x')).toEqual(['b → x']);
    state.all = [];
    await clock.advanceAsync(10_000);
    expect(targets(registry, 'x')).toEqual(['a → x']);
    await overrides.stop();
  });

  it.each([
    ['colour', 'm', '{}', 'kind'],
    ['model', '', '{}', 'name'],
    ['model', 'm', '{', 'definition'],
    ['model', 'm', JSON.stringify('x'.repeat(70_000)), 'definition'],
    ['setting', 'default_provider', '"gone"', 'definition'],
  ])('is refused when it makes no sense: %s %s', async (kind, name, json, param) => {
    const { overrides, state } = setUp();
    const refused = { code: 'invalid_request', details: { param } };
    await expect((async () => overrides.set(kind, name, json, ''))()).rejects.toMatchObject(refused);
    expect(state.all).toEqual([]);
  });

  it('can be taken back one by one when the file does not fit with it any more', async () => {
    const { overrides, set, registry } = setUp();
    await overrides.start();
    for (const name of ['m', 'n']) {
      await overrides.set('model', name, JSON.stringify({ targets: [{ provider: 'b' }] }), '');
    }
    set({ providers: [file.providers[0]!] });
    expect(registry.problem).toContain('"b"');
    await expect(overrides.set('model', 'o', '{"targets":[{"provider":"a"}]}', '')).rejects.toThrow('"b"');
    expect(await overrides.delete('model', 'm')).toBe(true);
    expect(registry.problem).toContain('"b"');
    expect(await overrides.delete('model', 'n')).toBe(true);
    expect(registry.problem).toBeUndefined();
    await overrides.stop();
  });

  it('is bounded in number', async () => {
    const stored = Array.from({ length: 1_000 }, (_, at) => override('model', `m${at}`, null));
    const { overrides } = setUp({ stored });
    await expect(overrides.set('model', 'one more', 'null', '')).rejects.toThrow('At most 1000');
  });

  it('cannot be without a database', async () => {
    const { overrides } = setUp({ withStore: false });
    await overrides.start();
    expect(await overrides.list()).toEqual([]);
    await expect((async () => overrides.set('model', 'm', 'null', ''))()).rejects.toMatchObject({
      code: 'unavailable',
    });
  });
});

describe('a database that is away', () => {
  it('leaves what is known in force, and refuses changes', async () => {
    const { overrides, registry, state, clock } = setUp({ stored: [override('setting', 'default_provider', 'b')] });
    await overrides.start();
    state.down = true;
    await clock.advanceAsync(30_000);
    expect(targets(registry, 'x')).toEqual(['b → x']);
    expect(await overrides.list()).toHaveLength(1);
    await expect(overrides.set('setting', 'default_provider', '"a"', '')).rejects.toMatchObject({
      code: 'unavailable',
    });
    expect(targets(registry, 'x')).toEqual(['b → x']);
    await overrides.stop();
  });

  it('holds the start back for ten seconds; then the file holds alone until it is back', async () => {
    const { overrides, registry, state, clock } = setUp({ stored: [override('setting', 'default_provider', 'b')] });
    state.down = true;
    let up = false;
    const starting = overrides.start().then(() => (up = true));
    await clock.advanceAsync(9_900);
    expect(up).toBe(false);
    await clock.advanceAsync(200);
    await starting;
    expect(targets(registry, 'x')).toEqual(['a → x']);
    state.down = false;
    await clock.advanceAsync(250);
    expect(targets(registry, 'x')).toEqual(['b → x']);
    await overrides.stop();
  });
});
