import { expect, it } from '@jest/globals';
import { mayUse, requireModel } from './model-access.ts';

it.each([
  [undefined, 'anything', true],
  [[], 'm', false],
  [['m'], 'm', true],
  [['m'], 'm2', false],
  [['org/*'], 'org/model', true],
  [['org/*'], 'other/model', false],
  [['*'], 'm', true],
  [['a', 'b*'], 'bc', true],
  [['m'], 'auto', true],
  [['m'], 'auto:cheap', true],
  [[], 'auto', false],
  [['m'], 'automatic', false],
])('the list %j and the model %s: %s', (models, name, allowed) => {
  expect(mayUse({ models }, name)).toBe(allowed);
});

it('says which models a credential may use instead', () => {
  expect(() => requireModel({ models: ['a', 'b*'] }, 'c')).toThrow('It may use: a, b*.');
});
