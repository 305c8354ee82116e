import { describe, expect, it } from '@jest/globals';
import { platformFileSchema } from '@flotilla/kernel';
import { createFakeClock, createSeededRandom } from '@flotilla/testkit';
import { EndpointDirectory } from '../endpoints/endpoint-directory.ts';
import { EndpointPicker } from './endpoint-picker.ts';
import { Endpoint } from '../endpoints/endpoint.ts';
import { adapterFor } from '../providers/adapters.ts';
import type { Resolution } from '../registry/registry.ts';
import { defaults } from '../config.ts';
import { Target } from '../providers/target.ts';

function target(id: string, more: { ready?: boolean; waiting?: number } = {}, near = true): Target {
  const endpoint = new Endpoint({
    ...{ id, provider: id, kind: 'vllm', baseUrl: `http://${id}`, ready: true, models: [], waiting: 0, since: 0 },
    ...more,
  });
  endpoint.near = near;
  return new Target({ endpoint, adapter: adapterFor(endpoint.facts), model: 'm', key: undefined, limits: defaults });
}

function resolution(weights: [number, Target[]][], fallbacks: Target[][] = []): Resolution {
  return {
    ...{ name: 'm', entry: undefined, capabilities: [], listed: true },
    routes: weights.map(([weight, targets]) => ({ weight, targets })),
    fallbacks: fallbacks.map((targets) => ({ weight: 1, targets })),
  };
}

const clock = createFakeClock();
const picker = (maxInFlight = 1_000) =>
  new EndpointPicker(clock, createSeededRandom(7), { ...defaults, maxInFlightPerEndpoint: maxInFlight });
const id = (picked: Target | undefined) => picked?.endpoint.facts.id;

describe('picking an engine', () => {
  it.each([2, 3, 8])('spreads requests that stay evenly over %i engines', (count) => {
    const targets = Array.from({ length: count }, (_, i) => target(`e${i}`));
    const pick = picker();
    for (let i = 0; i < 100 * count; i += 1) pick.pick(resolution([[1, targets]]), [])!.endpoint.inFlight += 1;
    const loads = targets.map(({ endpoint }) => endpoint.inFlight);
    expect(Math.max(...loads) - Math.min(...loads)).toBeLessThanOrEqual(count === 2 ? 0 : 8);
  });

  it('takes turns while nothing is under way', () => {
    const targets = [target('a'), target('b')];
    const pick = picker();
    const picks = Array.from({ length: 4 }, () => id(pick.pick(resolution([[1, targets]]), [])));
    expect(new Set(picks.slice(0, 2)).size).toBe(2);
    expect(picks.slice(2)).toEqual(picks.slice(0, 2));
  });

  it('takes the shorter queue among equals', () => {
    const targets = [target('a', { waiting: 5 }), target('b')];
    expect(id(picker().pick(resolution([[1, targets]]), []))).toBe('b');
  });

  it('gives each route its share while engines keep up', () => {
    const routes = resolution([
      [9, [target('big')]],
      [1, [target('small')]],
    ]);
    const pick = picker();
    const big = Array.from({ length: 2_000 }, () => id(pick.pick(routes, []))).filter((one) => one === 'big').length;
    expect(big / 2_000).toBeGreaterThan(0.87);
    expect(big / 2_000).toBeLessThan(0.93);
  });

  it('moves load away from a route that does not keep up', () => {
    const slow = target('slow');
    slow.endpoint.inFlight = 50;
    const routes = resolution([
      [1, [slow]],
      [1, [target('quick')]],
    ]);
    const pick = picker();
    const quick = Array.from({ length: 1_000 }, () => id(pick.pick(routes, []))).filter(
      (one) => one === 'quick',
    ).length;
    expect(quick / 1_000).toBeGreaterThan(0.7);
  });

  it('passes over engines that are not ready, are full, or were tried', () => {
    const tried = target('tried');
    const full = target('full');
    full.endpoint.inFlight = 5;
    const left = target('left');
    const routes = resolution([[1, [target('away', { ready: false }), full, tried, left]]]);
    expect(id(picker(5).pick(routes, [tried]))).toBe('left');
    expect(picker(5).pick(routes, [tried, left])).toBeUndefined();
  });

  it('uses a fallback only when no route answers, in their order', () => {
    const main = target('main');
    const routes = resolution([[1, [main]]], [[target('first')], [target('second')]]);
    expect(id(picker().pick(routes, []))).toBe('main');
    main.endpoint.unreachable(clock.monotonic(), 2_000, 30_000);
    expect(id(picker().pick(routes, []))).toBe('first');
  });
});

describe('an engine that could not be reached', () => {
  it('is set aside for a while that doubles, up to its limit, and is forgiven when it answers', () => {
    const { endpoint } = target('a');
    const asideFor = (now: number) => {
      endpoint.unreachable(now, 2_000, 30_000);
      let ms = 0;
      while (endpoint.ejected(now + ms)) ms += 1_000;
      return ms;
    };
    expect([0, 1, 2, 3, 4, 5].map((i) => asideFor(i * 100_000))).toEqual([2_000, 4_000, 8_000, 16_000, 30_000, 30_000]);
    endpoint.answered();
    expect(asideFor(1_000_000)).toBe(2_000);
  });

  it('counts once for all requests that fail together', () => {
    const { endpoint } = target('a');
    for (let i = 0; i < 10; i += 1) endpoint.unreachable(0, 2_000, 30_000);
    expect(endpoint.ejected(2_001)).toBe(false);
  });

  it('is used all the same when all are set aside', () => {
    const targets = [target('a'), target('b')];
    for (const { endpoint } of targets) endpoint.unreachable(clock.monotonic(), 2_000, 30_000);
    expect(picker().pick(resolution([[1, targets]]), [])).toBeDefined();
  });
});

describe('engines in zones', () => {
  const far = (name: string, more: { waiting?: number } = {}) => target(name, more, false);

  it.each([
    ['one route', (near: Target[], away: Target[]) => resolution([[1, [...away, ...near]]])],
    [
      'routes of their own',
      (near: Target[], away: Target[]) => resolution([...away, ...near].map((one) => [1, [one]])),
    ],
  ])('in %s: the near ones are taken while they are not much busier', (_what, routes) => {
    const near = [target('near-1'), target('near-2'), target('near-3')];
    const away = [far('far-1'), far('far-2'), far('far-3')];
    const pick = picker();
    const next = () => {
      const picked = pick.pick(routes(near, away), [])!;
      picked.endpoint.inFlight += 1;
      return picked.endpoint.near;
    };
    expect([next(), next(), next()]).toEqual([true, true, true]);
    for (let at = 0; at < 400; at += 1) next();
    const load = (targets: Target[]) => targets.reduce((sum, { endpoint }) => sum + endpoint.inFlight, 0);
    expect(load(near)).toBeGreaterThan(load(away));
    expect(load(near)).toBeLessThan(load(away) * 1.5 + 10);
  });

  it('are left for a far one when a queue waits in the near one only', () => {
    const targets = [target('near', { waiting: 3 }), far('far')];
    expect(id(picker().pick(resolution([[1, targets]]), []))).toBe('far');
  });

  it('are all alike when none is near', () => {
    const targets = [far('a'), far('b')];
    const pick = picker();
    const picks = [1, 2].map(() => id(pick.pick(resolution([[1, targets]]), [])));
    expect(picks.sort()).toEqual(['a', 'b']);
  });
});

describe('the directory', () => {
  it('takes engines for near whose provider stands in the zone of the router', () => {
    const provider = (name: string, zone?: string) => ({
      name,
      kind: 'vllm' as const,
      base_url: `http://${name}/v1`,
      ...(zone && { zone }),
    });
    const file = platformFileSchema.parse({
      providers: [provider('one', 'a'), provider('two', 'b'), provider('three')],
    });
    const near = (zone?: string) =>
      new EndpointDirectory(zone)
        .list(file)
        .filter((endpoint) => endpoint.near)
        .map((endpoint) => endpoint.facts.provider);
    expect(near('a')).toEqual(['one']);
    expect(near('c')).toEqual([]);
    expect(near()).toEqual(['one', 'two', 'three']);
  });
});
