import { describe, expect, it } from '@jest/globals';
import { createFakeClock, createSeededRandom, type FakeClock } from '@flotilla/testkit';
import fc from 'fast-check';
import { createMemoryApi, type MemoryApi } from '../testing/index.ts';
import { leases } from '../resources.ts';
import type { KubeApi } from '../kube-api.ts';
import { KubeError } from '../kube-error.ts';
import { createLeaderElection, type LeaderElection } from './leader-election.ts';

interface Candidate {
  readonly election: LeaderElection;
  /** What it was told: it leads from the call to the abort. */
  told: boolean;
  terms: number;
}

function candidate(api: KubeApi, clock: FakeClock, identity: string, seed = 1): Candidate {
  const self: Candidate = {
    told: false,
    terms: 0,
    election: createLeaderElection({
      ...{ api, clock, identity, namespace: 'n', name: 'fleet', random: createSeededRandom(seed) },
      onLeading(signal) {
        self.told = true;
        self.terms += 1;
        signal.addEventListener('abort', () => (self.told = false));
      },
    }),
  };
  self.election.start();
  return self;
}

/** The same API through a network of its own, which can be cut: nothing gets through, and nothing comes back. */
function through(api: MemoryApi, network: { cut: boolean }): KubeApi {
  const pass = <A extends unknown[], R>(call: (...given: A) => Promise<R>) => {
    return async (...given: A): Promise<R> => {
      if (network.cut) throw new KubeError('unavailable', 'cut');
      const answer = await call(...given);
      if (network.cut) throw new KubeError('unavailable', 'cut');
      return answer;
    };
  };
  return {
    ...api,
    get: pass(api.get.bind(api)) as KubeApi['get'],
    create: pass(api.create.bind(api)) as KubeApi['create'],
    replace: pass(api.replace.bind(api)) as KubeApi['replace'],
  };
}

describe('a leader', () => {
  it('is one of those who stand, and stays it', async () => {
    const clock = createFakeClock();
    const api = createMemoryApi({ clock });
    const [one, two] = [candidate(api, clock, 'one', 1), candidate(api, clock, 'two', 2)];
    await clock.advanceAsync(60_000);
    expect([one.told, one.terms, two.told, two.terms]).toEqual([true, 1, false, 0]);
    expect([one.election.leading, two.election.leading]).toEqual([true, false]);
    const lease = await api.get(leases, { namespace: 'n', name: 'fleet' });
    expect(lease?.spec).toMatchObject({ holderIdentity: 'one', leaseDurationSeconds: 15, leaseTransitions: 0 });
    await Promise.all([one.election.stop(), two.election.stop()]);
    expect(clock.pending).toBe(0);
  });

  it('that stops gives the lease up when its work is over, and the next leads at its next try', async () => {
    const clock = createFakeClock();
    const api = createMemoryApi({ clock });
    let finish: () => void = () => undefined;
    const work = new Promise<void>((resolve) => (finish = resolve));
    const one = createLeaderElection({
      api,
      clock,
      namespace: 'n',
      name: 'fleet',
      identity: 'one',
      onLeading: () => work,
    });
    one.start();
    await clock.advanceAsync(0);
    const two = candidate(api, clock, 'two');
    await clock.advanceAsync(5_000);
    const stopped = one.stop();
    await clock.advanceAsync(4_500);
    expect([one.leading, two.told]).toEqual([false, false]);
    finish();
    await stopped;
    await clock.advanceAsync(4_500);
    expect(two.told).toBe(true);
    await two.election.stop();
  });

  it('that is cut off stops leading before another begins', async () => {
    const clock = createFakeClock();
    const api = createMemoryApi({ clock });
    const network = { cut: false };
    const one = candidate(through(api, network), clock, 'one');
    await clock.advanceAsync(0);
    const two = candidate(api, clock, 'two');
    await clock.advanceAsync(20_000);
    network.cut = true;
    await clock.advanceAsync(10_100);
    expect([one.told, two.told]).toEqual([false, false]);
    await clock.advanceAsync(10_000);
    expect([one.told, two.told]).toEqual([false, true]);
    network.cut = false;
    await clock.advanceAsync(30_000);
    expect([one.told, two.told]).toEqual([false, true]);
    await Promise.all([one.election.stop(), two.election.stop()]);
  });

  it('counts its term from when it asked, not from when it was answered', async () => {
    const clock = createFakeClock();
    const api = createMemoryApi({ clock });
    let away = false;
    const one = candidate(api, clock, 'one');
    await clock.advanceAsync(0);
    api.intercept(async (_, happen) => {
      if (away) throw new KubeError('unavailable', 'away');
      away = true;
      const answer = await happen();
      await new Promise<void>((resolve) => void clock.after(7_500, resolve));
      return answer;
    });
    await clock.advanceAsync(11_900);
    expect(one.told).toBe(true);
    await clock.advanceAsync(200);
    expect(one.told).toBe(false);
    await one.election.stop();
  });

  it('whose work fails stands down, and stands again', async () => {
    const clock = createFakeClock();
    const api = createMemoryApi({ clock });
    let terms = 0;
    const onLeading = async () => {
      if ((terms += 1) === 1) throw new Error('a fault');
    };
    const one = createLeaderElection({ api, clock, namespace: 'n', name: 'fleet', identity: 'one', onLeading });
    one.start();
    await clock.advanceAsync(0);
    expect([terms, one.leading]).toEqual([1, false]);
    await clock.advanceAsync(4_500);
    expect([terms, one.leading]).toEqual([2, true]);
    await one.stop();
  });

  it('is never beside another, whatever is slow, lost or cut; and there is one again once all is well', async () => {
    const trouble = fc.record({
      who: fc.nat(2),
      cut: fc.boolean(),
      forMs: fc.integer({ min: 100, max: 20_000 }),
    });
    await fc.assert(
      fc.asyncProperty(fc.integer(), fc.array(trouble, { minLength: 1, maxLength: 8 }), async (seed, troubles) => {
        const clock = createFakeClock();
        const random = createSeededRandom(seed);
        const api = createMemoryApi({ clock });
        let well = false;
        const waits = (most: number) =>
          new Promise<void>((resolve) => void clock.after(random.next() ** 3 * most, resolve));
        // A slow call may happen long after who made it gave up, and its answer may be lost.
        api.intercept(async (_, happen) => {
          if (well) return happen();
          await waits(12_000);
          const answer = await happen();
          await waits(9_000);
          if (random.next() < 0.2) throw new KubeError('unavailable', 'lost');
          return answer;
        });
        const networks = [0, 1, 2].map(() => ({ cut: false }));
        const candidates = networks.map((network, at) => candidate(through(api, network), clock, `c${at}`, seed + at));
        const advance = async (ms: number) => {
          for (let left = ms; left > 0; left -= 100) {
            await clock.advanceAsync(Math.min(100, left));
            expect(candidates.filter(({ told }) => told).length).toBeLessThanOrEqual(1);
          }
        };
        for (const { who, cut, forMs } of troubles) {
          networks[who]!.cut = cut;
          await advance(forMs);
        }
        for (const network of networks) network.cut = false;
        well = true;
        await advance(40_000);
        expect(candidates.filter(({ told, election }) => told && election.leading)).toHaveLength(1);
        await Promise.all(candidates.map(({ election }) => election.stop()));
      }),
      { numRuns: 12 },
    );
  });
});
