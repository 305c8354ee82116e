import { describe, expect, it } from '@jest/globals';
import { HelmError, type HelmObject, type ReleaseSpec } from '@flotilla/helm';
import { createFakeClock } from '@flotilla/testkit';
import { Renderer, RenderFailed } from './renderer.ts';

const { signal } = new AbortController();
const chart = { folder: '/chart', version: '1.0.0', digest: 'd' };
const service: HelmObject = { apiVersion: 'v1', kind: 'Service', metadata: { name: 'llama' } };

function rendering(template: (spec: ReleaseSpec) => HelmObject[]) {
  const clock = createFakeClock();
  let runs = 0;
  const helm = {
    template: async (spec: ReleaseSpec) => {
      runs += 1;
      return template(spec);
    },
  };
  const renderer = new Renderer(helm, chart, clock);
  return {
    ...{ clock, renderer, runs: () => runs },
    render: async (values = {}) => (await renderer.render('llama', 'ns', values, signal)).objects,
  };
}

describe('rendering', () => {
  it('runs helm once for the same values, and again for others', async () => {
    const { render, runs } = rendering(() => [service]);
    expect(await render({ a: 1, b: 2 })).toEqual([service]);
    await render({ b: 2, a: 1 });
    expect(runs()).toBe(1);
    await render({ a: 2 });
    expect(runs()).toBe(2);
  });

  it('takes what another controller made of the same values, and of nothing else', async () => {
    const [first, second] = [rendering(() => [service]), rendering(() => [])];
    const earlier = await first.renderer.render('llama', 'ns', { a: 1 }, signal);
    const later = (values: object) => second.renderer.render('llama', 'ns', { ...values }, signal, () => [earlier]);
    expect(await later({ a: 1 })).toEqual(earlier);
    expect(second.runs()).toBe(0);
    expect((await later({ a: 2 })).objects).toEqual([]);
    expect(second.runs()).toBe(1);
  });

  it('leaves out what is only for helm test', async () => {
    const metadata = { name: 't', annotations: { 'helm.sh/hook': 'test' } };
    const { render } = rendering(() => [service, { apiVersion: 'v1', kind: 'Pod', metadata }]);
    expect(await render()).toEqual([service]);
  });

  it('says what helm said, and tries the same again only after a growing pause', async () => {
    let broken = true;
    const { render, runs, clock } = rendering(() => {
      if (broken) throw new HelmError('invalid_values', 'profile.count: must be at least 1');
      return [service];
    });
    await expect(render()).rejects.toThrow(new RenderFailed('profile.count: must be at least 1'));
    await expect(render()).rejects.toThrow('profile.count');
    expect(runs()).toBe(1);
    clock.advance(5_000);
    await expect(render()).rejects.toThrow('profile.count');
    expect(runs()).toBe(2);
    clock.advance(5_000);
    await expect(render()).rejects.toThrow('profile.count');
    expect(runs()).toBe(2);
    broken = false;
    clock.advance(5_000);
    expect(await render()).toEqual([service]);
  });
});
