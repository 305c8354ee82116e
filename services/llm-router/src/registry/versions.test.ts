import { describe, expect, it } from '@jest/globals';
import { facts, registryOf } from './registry.fixture.ts';

const pod = (id: string, group?: { name: string; share: number }) =>
  facts(id, ['m'], { provider: 'fleet', scope: 'ns/m', ...(group && { group }) });
const routes = (engines: ReturnType<typeof pod>[], models = {}) =>
  registryOf(models, engines)
    .registry.resolve('m')
    .routes.map(({ weight, targets }) => [weight, targets.map(({ endpoint }) => endpoint.facts.id)]);

describe('a model that two versions serve', () => {
  const old = { name: 'r1', share: 0.9 };
  const next = { name: 'r2', share: 0.1 };

  it('is a route for each, by their shares', () => {
    expect(routes([pod('a', old), pod('b', old), pod('c', next)])).toEqual([
      [0.9, ['a', 'b']],
      [0.1, ['c']],
    ]);
  });

  it('keeps the weight that the configuration gives it', () => {
    const file = {
      providers: [{ name: 'hosted', kind: 'openrouter' }],
      models: [
        {
          name: 'm',
          targets: [
            { provider: 'fleet', weight: 3 },
            { provider: 'hosted', model: 'x', weight: 1 },
          ],
        },
      ],
    };
    expect(routes([pod('a', old), pod('c', next)], file).map(([weight]) => weight)).toEqual(
      [2.7, 0.3, 1].map((weight) => expect.closeTo(weight)),
    );
  });

  it('is one route while all run the same', () => {
    expect(routes([pod('a', { name: 'r1', share: 1 }), pod('b', { name: 'r1', share: 1 })])).toEqual([[1, ['a', 'b']]]);
    expect(routes([pod('a'), pod('b')])).toEqual([[1, ['a', 'b']]]);
  });
});
