import { describe, expect, it } from '@jest/globals';
import { platformFileSchema } from '@flotilla/kernel';
import { EndpointDirectory } from '../endpoints/endpoint-directory.ts';
import type { Target } from '../providers/target.ts';
import type { EndpointPicker } from './endpoint-picker.ts';
import type { Outcome } from './outcome.ts';
import { createPicking, idOf as id, resolution, target } from './picking.fixture.ts';

const picker = (maxInFlight = 1_000) => createPicking({}, { maxInFlightPerEndpoint: maxInFlight }).picker;
const fail = (pick: EndpointPicker, one: Target, outcome: Outcome) => {
  pick.began(one);
  pick.ended(one, outcome);
};

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

  it('keeps a share that several engines carry against one that a single engine does', () => {
    const many = Array.from({ length: 9 }, (_, at) => target(`stable-${at}`));
    const routes = resolution([
      [0.9, many],
      [0.1, [target('canary')]],
    ]);
    const pick = picker();
    const running: Target[] = [];
    let canary = 0;
    for (let i = 0; i < 3_000; i += 1) {
      const one = pick.pick(routes, [])!;
      if (id(one) === 'canary') canary += 1;
      one.endpoint.inFlight += 1;
      running.push(one);
      if (running.length > 40) running.shift()!.endpoint.inFlight -= 1;
    }
    expect(canary / 3_000).toBeGreaterThan(0.08);
    expect(canary / 3_000).toBeLessThan(0.14);
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
    const pick = picker();
    fail(pick, main, 'unreachable');
    expect(id(pick.pick(routes, []))).toBe('first');
  });
});

describe('engines in zones', () => {
  const far = (name: string, more: { waiting?: number } = {}) => target(name, more, { near: false });

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

  it('takes the other zones of the region for nearer than what is elsewhere', () => {
    const at = (zone: string) => ({
      name: zone.replace('/', '-'),
      kind: 'vllm' as const,
      base_url: 'http://x/v1',
      zone,
    });
    const file = platformFileSchema.parse({ providers: [at('eu/a'), at('eu/b'), at('us/a')] });
    const seen = new EndpointDirectory('eu/a').list(file).map(({ near, inRegion }) => [near, inRegion]);
    expect(seen).toEqual([
      [true, true],
      [false, true],
      [false, false],
    ]);
  });
});
