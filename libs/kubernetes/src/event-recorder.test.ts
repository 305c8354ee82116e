import { describe, expect, it } from '@jest/globals';
import { createFakeClock, createSeededRandom } from '@flotilla/testkit';
import { coreEvents, createEventRecorder, KubeError } from './index.ts';
import { createMemoryApi } from './testing/index.ts';

const model = (name: string) => ({
  apiVersion: 'fleet.flotilla.dev/v1alpha1',
  kind: 'Model',
  metadata: { namespace: 'n', name, uid: `uid-${name}` },
});

function recorder() {
  const clock = createFakeClock();
  const api = createMemoryApi({ clock });
  const events = createEventRecorder({ api, component: 'flotilla-fleet', clock, random: createSeededRandom() });
  const told = async () =>
    (await api.list(coreEvents)).items.map(({ involvedObject, reason, message, count }) =>
      [involvedObject.name, reason, message, count].join(' '),
    );
  return { clock, api, events, told };
}

describe('events of the cluster', () => {
  it('say what happened to which object, and who says so', async () => {
    const { api, events } = recorder();
    events.record(model('m'), 'Warning', 'CrashLoop', 'replica m-1 crashed 5 times');
    await events.flush();
    const [event] = (await api.list(coreEvents)).items;
    expect(event).toMatchObject({
      metadata: { namespace: 'n' },
      involvedObject: { kind: 'Model', name: 'm', uid: 'uid-m' },
      type: 'Warning',
      reason: 'CrashLoop',
      message: 'replica m-1 crashed 5 times',
      count: 1,
      source: { component: 'flotilla-fleet' },
    });
  });

  it('are counted when they are the same within ten minutes, with the newest message', async () => {
    const { clock, events, told } = recorder();
    for (const replicas of [1, 2, 3]) events.record(model('m'), 'Normal', 'Scaled', `to ${replicas}`);
    events.record(model('m'), 'Normal', 'Ready', 'serves');
    await events.flush();
    expect((await told()).sort()).toEqual(['m Ready serves 1', 'm Scaled to 3 3']);
    clock.advance(600_001);
    events.record(model('m'), 'Normal', 'Scaled', 'to 4');
    await events.flush();
    expect((await told()).sort()).toEqual(['m Ready serves 1', 'm Scaled to 3 3', 'm Scaled to 4 1']);
  });

  it('about one object are limited; others are told all the same, and later ones count those in between', async () => {
    const { clock, api, events, told } = recorder();
    for (let at = 0; at < 100; at += 1) {
      events.record(model('noisy'), 'Normal', 'Scaled', `${at}`);
      await events.flush();
    }
    expect((api.calls['create'] ?? 0) + (api.calls['patch'] ?? 0)).toBe(25);
    events.record(model('quiet'), 'Normal', 'Scaled', 'x');
    clock.advance(300_000);
    events.record(model('noisy'), 'Normal', 'Scaled', 'last');
    await events.flush();
    expect((await told()).sort()).toEqual(['noisy Scaled last 101', 'quiet Scaled x 1']);
  });

  it('never fail who tells them, and go on when the API is back or the event is gone', async () => {
    const { api, events, told } = recorder();
    api.setDown(true);
    events.record(model('m'), 'Normal', 'Scaled', 'lost');
    await events.flush();
    api.setDown(false);
    events.record(model('m'), 'Normal', 'Scaled', 'x'.repeat(5_000));
    await events.flush();
    const [event] = (await api.list(coreEvents)).items;
    expect([event!.count, event!.message.length]).toEqual([2, 1_024]);
    await api.delete(coreEvents, { namespace: 'n', name: event!.metadata.name });
    api.failNext(new KubeError('unavailable', 'busy'), { verb: 'create' });
    events.record(model('m'), 'Normal', 'Scaled', 'again');
    await events.flush();
    events.record(model('m'), 'Normal', 'Scaled', 'again');
    await events.flush();
    expect(await told()).toEqual(['m Scaled again 4']);
  });
});
