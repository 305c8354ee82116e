import { execFileSync } from 'node:child_process';
import path from 'node:path';
import { expect, it } from '@jest/globals';

const root = path.resolve(import.meta.dirname, '../..');

it('docs/reference says what the schemas and the table of errors say (make docs)', () => {
  const check = () =>
    execFileSync(process.execPath, [path.join(root, 'scripts/reference.mjs'), '--check'], { stdio: 'pipe' });
  expect(check).not.toThrow();
});
