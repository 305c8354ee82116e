import { describe, expect, it } from '@jest/globals';
import { createRollout } from './rollout.ts';
import { RolledModel } from './rollout.fixture.ts';

const quick = { canary: { seconds: 60, minRequests: 20 } };

/** To the middle of the canary of version b. */
function atCanary(rollout: Record<string, unknown> = quick, desired?: Record<string, number>): RolledModel {
  const model = new RolledModel(rollout, desired);
  model.answers('a', 500);
  model.wanted = 'b';
  return model.run(45);
}

describe('given the first version of a Model', () => {
  it('is started in full, without a canary', () => {
    const model = new RolledModel();
    expect(model.plan).toMatchObject({ phase: 'Steady', stable: 'a' });
    expect(model.count('a', 'ready')).toBe(3);
  });
});

describe('given a new version', () => {
  it('gets its part of the requests once it is ready, and none before', () => {
    const model = new RolledModel(quick);
    model.wanted = 'b';
    expect(model.run(5).plan).toMatchObject({
      phase: 'Canary',
      shares: new Map([
        ['a', 1],
        ['b', 0],
      ]),
    });
    expect(model.run(40).plan.shares).toEqual(
      new Map([
        ['a', 0.9],
        ['b', 0.1],
      ]),
    );
    expect([model.count('a'), model.count('b')]).toEqual([3, 1]);
  });

  it('takes over step by step when it does as well, never with more than the surge nor fewer ready than wanted', () => {
    const model = atCanary();
    model.answers('a', 200);
    model.answers('b', 30);
    model.run(30);
    expect(model.plan.phase).toBe('Canary');
    [model.most, model.fewestReady] = [0, Infinity];
    model.run(200);
    expect(model.plan).toMatchObject({ phase: 'Steady', stable: 'b' });
    expect([model.count('a'), model.count('b', 'ready')]).toEqual([0, 3]);
    expect(model.most).toBe(4);
    expect(model.fewestReady).toBeGreaterThanOrEqual(3);
  });

  it.each([
    ['fails more requests', (model: RolledModel) => model.answers('b', 20, 8)],
    ['answers later', (model: RolledModel) => model.answers('b', 40, 0, 900)],
  ])('goes back when it %s', (_, worse) => {
    const model = atCanary();
    model.answers('a', 200);
    worse(model);
    const { plan } = model.run(1);
    expect(plan).toMatchObject({ phase: 'RollingBack', stable: 'a', failedRevision: 'b' });
    expect(plan.groups).toEqual([{ revision: 'a', profile: 'p', replicas: 3 }]);
    expect(model.run(600).plan).toMatchObject({ phase: 'Steady', stable: 'a' });
    expect(model.count('b')).toBe(0);
  });

  it('is not failed for one slow answer or one error', () => {
    const model = atCanary();
    model.answers('a', 200);
    model.answers('b', 18, 1);
    model.answers('b', 1, 0, 5_000);
    expect(model.run(300).plan).toMatchObject({ phase: 'Steady', stable: 'b' });
  });

  it('waits for requests to be judged by, and goes on without them in the end', () => {
    const model = atCanary({ ...quick, progressDeadlineSeconds: 600 });
    expect(model.run(300).plan.phase).toBe('Canary');
    expect(model.run(600).plan).toMatchObject({ phase: 'Steady', stable: 'b' });
  });

  it('goes back when it is not ready in time', () => {
    const model = new RolledModel({ ...quick, progressDeadlineSeconds: 120 });
    model.broken.add('b');
    model.wanted = 'b';
    expect(model.run(110).plan.phase).toBe('Canary');
    const { plan } = model.run(15);
    expect(plan.message).toContain('not ready within 120 s');
    expect(model.status.failedRevision).toBe('b');
  });

  it('goes back at once when the breaker trips on it', () => {
    const model = new RolledModel(quick);
    model.wanted = 'b';
    model.run(10);
    model.trips = [{ kind: 'ImageError', revision: 'b', message: 'm-4 cannot have its image' }];
    expect(model.run(1).plan).toMatchObject({ phase: 'RollingBack', failedRevision: 'b' });
  });

  it('is named as failed by every plan from then on, so that a status that was not written in time still says so', () => {
    const model = atCanary();
    model.trips = [{ kind: 'ImageError', revision: 'b', message: 'no such image' }];
    for (let i = 0; i < 5; i += 1) expect(model.run(1).plan.failedRevision).toBe('b');
    expect(model.plan.phase).toBe('Steady');
  });

  it('is not tried again until the spec changes, even by a controller begun anew', () => {
    const model = atCanary();
    model.answers('b', 20, 10);
    model.run(60);
    model.rollout = createRollout();
    expect(model.run(300).plan.phase).toBe('Steady');
    expect(model.count('b')).toBe(0);
    model.wanted = 'c';
    expect(model.run(5).plan.phase).toBe('Canary');
  });

  it('is what is started when nothing runs', () => {
    const model = new RolledModel(quick, { p: 0 });
    model.wanted = 'b';
    expect(model.run(1).plan).toMatchObject({ phase: 'Steady', stable: 'b' });
    model.desired = { p: 1 };
    expect(model.run(40).count('b', 'ready')).toBe(1);
  });

  it('follows what scaling wants meanwhile', () => {
    const model = atCanary();
    model.desired = { p: 6 };
    model.run(40);
    expect([model.count('a', 'ready'), model.count('b', 'ready')]).toEqual([6, 1]);
    model.answers('b', 40);
    expect(model.run(400).count('b', 'ready')).toBe(6);
    expect(model.count('a')).toBe(0);
  });

  it('goes on where it was when the controller is begun anew while it rolls', () => {
    const model = atCanary({ ...quick, progressDeadlineSeconds: 600 });
    model.answers('b', 40);
    model.run(65);
    expect(model.plan.phase).toBe('Rolling');
    model.rollout = createRollout();
    expect(model.run(1).plan.phase).toBe('Rolling');
    expect(model.run(200).plan).toMatchObject({ phase: 'Steady', stable: 'b' });
  });
});

describe('given a spec that changes while a version is on its way', () => {
  it('goes on to the newest', () => {
    const model = atCanary();
    model.wanted = 'c';
    model.run(45);
    expect([model.count('b'), model.count('c')]).toEqual([0, 1]);
    expect(model.plan.phase).toBe('Canary');
  });

  it('goes back at once, without losing what serves, when it is the old one again', () => {
    const model = atCanary();
    model.answers('b', 40);
    model.run(100);
    expect(model.plan.phase).toBe('Rolling');
    model.fewestReady = Infinity;
    model.wanted = 'a';
    expect(model.run(1).plan.phase).toBe('RollingBack');
    model.run(60);
    expect(model.plan).toMatchObject({ phase: 'Steady', stable: 'a' });
    expect(model.count('a', 'ready')).toBe(3);
    expect(model.fewestReady).toBeGreaterThanOrEqual(3);
  });
});

describe('given no GPU to spare', () => {
  const inPlace = { strategy: 'InPlace', canary: { weight: 0 } };

  it('makes room first, and never lacks more than one', () => {
    const model = new RolledModel(inPlace);
    [model.most, model.fewestReady, model.wanted] = [0, Infinity, 'b'];
    model.run(200);
    expect(model.plan).toMatchObject({ phase: 'Steady', stable: 'b' });
    expect(model.most).toBe(3);
    expect(model.fewestReady).toBe(2);
  });

  it('replaces the only replica, and brings the old one back when the new one fails', () => {
    const model = new RolledModel({ ...inPlace, progressDeadlineSeconds: 60 }, { p: 1 });
    model.most = 0;
    model.broken.add('b');
    model.wanted = 'b';
    expect(model.run(10).count('b')).toBe(1);
    expect(model.most).toBe(1);
    model.run(120);
    expect(model.plan).toMatchObject({ phase: 'Steady', stable: 'a' });
    expect(model.count('a', 'ready')).toBe(1);
  });
});

describe('given two profiles', () => {
  it('probes as many as the surge allows, and rolls both', () => {
    const model = atCanary({ ...quick, maxSurge: 2 }, { big: 1, small: 2 });
    expect(model.count('b')).toBe(2);
    model.answers('b', 40);
    model.run(300);
    expect(model.plan).toMatchObject({ phase: 'Steady', stable: 'b' });
    expect(model.most).toBeLessThanOrEqual(5);
  });
});
