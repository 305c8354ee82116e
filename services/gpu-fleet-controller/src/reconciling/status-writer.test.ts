import { describe, expect, it } from '@jest/globals';
import type { KubeObject } from '@flotilla/kubernetes';
import { createFakeClock } from '@flotilla/testkit';
import type { ModelStatus } from '../models/model.ts';
import { StatusWriter } from './status-writer.ts';

const model = { apiVersion: 'fleet.flotilla.dev/v1alpha1', kind: 'Model', metadata: { name: 'm' } };
const { signal } = new AbortController();

function opened() {
  const clock = createFakeClock();
  const written: (ModelStatus | undefined)[] = [];
  const api = {
    applyStatus: async <T extends KubeObject>(object: T) => {
      written.push((object as { status?: ModelStatus }).status);
      return object;
    },
  };
  const writer = new StatusWriter(api, clock);
  const decided = (mode: string, reason: string): ModelStatus => ({
    scaling: { desired: 1, mode, reason, decidedAt: '', byProfile: [] },
  });
  const write = (mode: string, reason: string) => writer.write(model, decided(mode, reason), signal);
  return { clock, written, write };
}

describe('the status of a Model', () => {
  it('is written once, and again when it says something new', async () => {
    const { clock, written, write } = opened();
    await write('stable', 'queue 1: 1');
    clock.advance(1_000);
    await write('stable', 'queue 1: 1');
    await write('panic', 'queue 9: 1');
    expect(written.map((status) => status?.scaling?.mode)).toEqual(['stable', 'panic']);
  });

  it('has new figures twice a minute', async () => {
    const { clock, written, write } = opened();
    await write('stable', 'queue 1: 1');
    clock.advance(5_000);
    expect(await write('stable', 'queue 2: 1')).toBe(25_000);
    clock.advance(25_000);
    expect(await write('stable', 'queue 2: 1')).toBeUndefined();
    expect(written).toHaveLength(2);
  });

  it('says at once how deep replicas sleep', async () => {
    const { clock, written, write } = opened();
    await write('idle', 'sleep level 1');
    clock.advance(1_000);
    await write('idle', 'sleep level 2');
    expect(written.map((status) => status?.scaling?.reason)).toEqual(['sleep level 1', 'sleep level 2']);
  });
});
