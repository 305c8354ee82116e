import { expect, it } from '@jest/globals';
import { mayUse } from './allowed-models.ts';

it.each([
  [undefined, 'anything', true],
  [[], 'm', false],
  [['m'], 'm', true],
  [['m'], 'm2', false],
  [['org/*'], 'org/model', true],
  [['org/*'], 'other/model', false],
  [['*'], 'm', true],
  [['a', 'b*'], 'bc', true],
])('the list %j lets %s pass: %s', (models, name, allowed) => {
  expect(mayUse(models, name)).toBe(allowed);
});
