import { describe, expect, it } from '@jest/globals';
import { startTelemetry } from '@flotilla/telemetry';
import { createFakeClock, createSeededRandom } from '@flotilla/testkit';
import fc from 'fast-check';
import { configMaps, follow, followPauseMs, KubeError, type KubeObject } from './index.ts';
import { createMemoryApi } from './testing/index.ts';

type ConfigMap = KubeObject & { data?: Record<string, string> };

const map = (name: string, value: string): ConfigMap => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { namespace: 'n', name },
  data: { value },
});
const write = (name: string, value: string) => ({ data: { value }, metadata: { name } });

/** A cluster with the ConfigMaps `a` and `b`, followed; `told` is what listeners were told. */
async function followed() {
  const clock = createFakeClock();
  const api = createMemoryApi({ clock });
  const random = createSeededRandom();
  await api.create(map('a', '1'));
  await api.create(map('b', '1'));
  const following = follow(
    api,
    configMaps,
    { namespace: 'n' },
    { keep: ({ data }) => data?.['value'] ?? '' },
    { clock, random },
  );
  const told: string[] = [];
  following.onChange((key, now, before) => told.push(`${key} ${before}>${now}`));
  await following.synced;
  await clock.advanceAsync(0);
  return { api, clock, following, told };
}

describe('following a resource', () => {
  it('holds what is there and tells what changes', async () => {
    const { api, clock, following, told } = await followed();
    expect([...following.items]).toEqual([
      ['n/a', '1'],
      ['n/b', '1'],
    ]);
    await api.patch(configMaps, { namespace: 'n', name: 'a' }, write('a', '2'));
    await api.create(map('c', '1'));
    await api.delete(configMaps, { namespace: 'n', name: 'b' });
    await clock.advanceAsync(0);
    expect(told.slice(2)).toEqual(['n/a 1>2', 'n/c undefined>1', 'n/b 1>undefined']);
    expect([...following.items.keys()]).toEqual(['n/a', 'n/c']);
    await following.stop();
    expect(api.watching).toBe(0);
  });

  it('goes on after a break from where it was, without another list', async () => {
    const { api, clock, following, told } = await followed();
    api.breakWatches(new KubeError('unavailable', 'reset'));
    await clock.advanceAsync(0);
    await api.delete(configMaps, { namespace: 'n', name: 'a' });
    await clock.advanceAsync(1_000);
    expect(told.slice(2)).toEqual(['n/a 1>undefined']);
    expect(api.calls['list']).toBe(1);
    await following.stop();
  });

  it('lists anew when its version is gone, and tells only what differs', async () => {
    const { api, clock, following, told } = await followed();
    api.breakWatches();
    await clock.advanceAsync(0);
    await api.patch(configMaps, { namespace: 'n', name: 'a' }, write('a', '2'));
    await api.delete(configMaps, { namespace: 'n', name: 'b' });
    await api.create(map('c', '1'));
    api.expireVersions();
    await clock.advanceAsync(3_000);
    expect(told.slice(2)).toEqual(['n/a 1>2', 'n/c undefined>1', 'n/b 1>undefined']);
    expect(api.calls['list']).toBe(2);
    await following.stop();
  });

  it('takes bookmarks as the version to go on from', async () => {
    const { api, clock, following } = await followed();
    await api.create({ ...map('elsewhere', '1'), metadata: { namespace: 'other', name: 'elsewhere' } });
    api.expireVersions();
    api.bookmark();
    await clock.advanceAsync(0);
    api.breakWatches();
    await clock.advanceAsync(1_000);
    expect(api.watching).toBe(1);
    expect(api.calls['list']).toBe(1);
    await following.stop();
  });

  it('lists page by page, and again from the start when a page is gone', async () => {
    const clock = createFakeClock();
    const api = createMemoryApi({ clock });
    for (let at = 0; at < 1_200; at += 1) await api.create(map(`m${at}`, '1'));
    let lists = 0;
    api.intercept(({ verb }, happen) => {
      if (verb === 'list' && (lists += 1) === 2) throw new KubeError('gone', 'the continue parameter is too old');
      return happen();
    });
    const following = follow(
      api,
      configMaps,
      {},
      { keep: ({ data }) => data },
      { clock, random: createSeededRandom() },
    );
    await clock.advanceAsync(1_000);
    await following.synced;
    expect(following.items.size).toBe(1_200);
    expect(lists).toBe(5);
    await following.stop();
  });

  it('asks an API that is away, or breaks off at once, ever more rarely', async () => {
    const { api, clock, following } = await followed();
    const calls = () => (api.calls['watch'] ?? 0) + (api.calls['list'] ?? 0);
    api.setDown(true);
    await clock.advanceAsync(0);
    const before = calls();
    await clock.advanceAsync(600_000);
    const away = calls() - before;
    expect(away).toBeLessThan(50);
    expect(away).toBeGreaterThan(18);
    api.setDown(false);
    await clock.advanceAsync(30_000);
    expect(api.watching).toBe(1);
    const stop = api.intercept(({ verb }, happen) =>
      verb === 'watch' ? setImmediate(() => api.breakWatches()) : happen(),
    );
    api.breakWatches();
    await clock.advanceAsync(600_000);
    expect(calls() - before - away).toBeLessThan(60);
    stop();
    await following.stop();
  });

  it('holds an object as it was when the new one cannot be taken in, and goes on when a listener throws', async () => {
    const clock = createFakeClock();
    const api = createMemoryApi({ clock });
    await api.create(map('a', '1'));
    const keep = ({ data }: ConfigMap) => {
      if (data?.['value'] === 'bad') throw new Error('not to be read');
      return data?.['value'] ?? '';
    };
    const following = follow(api, configMaps, {}, { keep }, { clock, random: createSeededRandom() });
    following.onChange(() => {
      throw new Error('a fault');
    });
    await following.synced;
    await clock.advanceAsync(0);
    await api.patch(configMaps, { namespace: 'n', name: 'a' }, write('a', 'bad'));
    await api.create(map('b', '1'));
    await clock.advanceAsync(0);
    expect([...following.items.values()]).toEqual(['1', '1']);
    await following.stop();
  });

  it('says once what somebody has to mend, and again when it is something else; not that the API is away', async () => {
    const warnings: string[] = [];
    const telemetry = await startTelemetry({
      ...{ service: 'test', metrics: false, logLevel: 'warn' },
      logSink: (line) => warnings.push((JSON.parse(line) as { fields: { reason: string } }).fields.reason),
    });
    const clock = createFakeClock();
    const api = createMemoryApi({ clock });
    api.setDown(true);
    const following = follow(
      api,
      configMaps,
      {},
      { keep: ({ data }) => data },
      { clock, random: createSeededRandom() },
    );
    await clock.advanceAsync(60_000);
    expect(warnings).toEqual([]);
    api.setDown(false);
    let answer: Error = new KubeError('forbidden', 'no role');
    api.intercept(() => {
      throw answer;
    });
    await clock.advanceAsync(600_000);
    expect(warnings).toEqual(['forbidden']);
    answer = new TypeError('a fault of ours');
    await clock.advanceAsync(600_000);
    expect(warnings).toEqual(['forbidden', 'unexpected']);
    await following.stop();
    await telemetry.shutdown();
  });

  it('that is stopped before its first list says so to who waits for it', async () => {
    const api = createMemoryApi();
    api.setDown(true);
    const following = follow(api, configMaps, {}, { keep: ({ data }) => data });
    await following.stop();
    await expect(following.synced).rejects.toMatchObject({ kind: 'cancelled' });
  });

  it('pauses a quarter of a second at least and a minute at most, whatever fails and whatever the API wants', () => {
    fc.assert(
      fc.property(fc.nat(10_000), fc.double({ min: 0, noNaN: true }), fc.integer(), (failures, wanted, seed) => {
        const pause = followPauseMs(failures, wanted, createSeededRandom(seed));
        expect(pause).toBeGreaterThanOrEqual(250);
        expect(pause).toBeLessThanOrEqual(60_000);
        if (wanted <= 60_000) expect(pause).toBeGreaterThanOrEqual(wanted);
      }),
    );
  });
});
