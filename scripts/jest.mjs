// Runs the tests of one package: node scripts/jest.mjs libs/kernel [jest options]
// Leaves its counts in .cache/test-results/<package>.json, where scripts/test.mjs adds them up.
import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import path from 'node:path';

const [project, ...options] = process.argv.slice(2);
if (!project) throw new Error('usage: node scripts/jest.mjs <package folder> [jest options]');
const root = path.resolve(import.meta.dirname, '..');
const result = path.join(root, '.cache/test-results', `${project}.json`);
mkdirSync(path.dirname(result), { recursive: true });
const { status } = spawnSync(
  path.join(root, 'node_modules/.bin/node'),
  [
    '--experimental-vm-modules',
    '--disable-warning=ExperimentalWarning',
    path.join(root, 'node_modules/jest/bin/jest.js'),
    ...['-c', path.join(root, 'jest.config.mjs'), '--rootDir', path.join(root, project)],
    ...['--json', '--outputFile', result, '--passWithNoTests', '--runInBand', ...options],
  ],
  // A run that hangs is a failure, not a wait.
  { stdio: ['ignore', 'ignore', 'inherit'], cwd: root, timeout: 30 * 60_000 },
);
process.exit(status ?? 1);
