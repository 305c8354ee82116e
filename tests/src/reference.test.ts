import { execFileSync } from 'node:child_process';
import { globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, it } from '@jest/globals';

const root = path.resolve(import.meta.dirname, '../..');

it('docs/reference says what the schemas and the table of errors say (make docs)', () => {
  const check = () =>
    execFileSync(process.execPath, [path.join(root, 'scripts/reference.mjs'), '--check'], { stdio: 'pipe' });
  expect(check).not.toThrow();
});

it('docs/reference/metrics.md has every metric of the code', () => {
  const reference = readFileSync(path.join(root, 'docs/reference/metrics.md'), 'utf8');
  const listed = [...reference.matchAll(/`([a-z]\w+)`/g)].map(([, name]) => name!.replace(/_(seconds|total)$/, ''));
  const sources = globSync('{libs,services}/*/src/**/*.ts', { cwd: root }).filter((file) => !file.endsWith('.test.ts'));
  // Units and `_total` are added as Prometheus has it, where a name is written as OpenTelemetry has it.
  const names = sources.flatMap((file) =>
    [...readFileSync(path.join(root, file), 'utf8').matchAll(/name: '((?:flotilla_|gen_ai\.)[\w.]+)'/g)].map(
      ([, name]) => name!.replaceAll('.', '_').replace(/_(seconds|total)$/, ''),
    ),
  );
  expect(names.length).toBeGreaterThan(100);
  expect(names.filter((name) => !listed.includes(name))).toEqual([]);
});
