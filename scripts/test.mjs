// make test: the static checks and the tests of every package, in parallel and cached by nx. Ends with one line of counts.
// With CI=true a skipped test is a failure.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import path from 'node:path';

const root = path.resolve(import.meta.dirname, '..');
const results = path.join(root, '.cache/test-results');
const ci = process.env.CI === 'true';
const totals = { passed: 0, failed: 0, skipped: 0 };
const failures = [];
const skips = new Map();

const run = (command, args) =>
  spawnSync(command, args, { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] }).status === 0;

function check(name, command, args) {
  const passed = run(command, args);
  totals[passed ? 'passed' : 'failed'] += 1;
  if (!passed) failures.push(`check: ${name}`);
}

function addUp(file) {
  const report = JSON.parse(readFileSync(file, 'utf8'));
  for (const suite of report.testResults) {
    const where = path.relative(root, suite.name);
    if (suite.status === 'failed' && suite.assertionResults.length === 0) {
      totals.failed += 1;
      failures.push(`${where} could not run`);
    }
    for (const test of suite.assertionResults) {
      if (test.status === 'passed') totals.passed += 1;
      else if (test.status === 'failed') {
        totals.failed += 1;
        failures.push(`${where}: ${test.fullName}`);
      } else {
        totals.skipped += 1;
        const reason = test.ancestorTitles[0] ?? test.fullName;
        skips.set(reason, (skips.get(reason) ?? 0) + 1);
      }
    }
  }
}

rmSync(results, { recursive: true, force: true });
const built = run('nx', ['run-many', '-t', 'generate', 'build', '--output-style=static']);
if (!built) {
  console.log('\nThe build failed, so no test ran.\n\n0 passed, 1 failed');
  process.exit(1);
}
check('eslint (style and boundaries)', 'eslint', ['.']);
check('types, tests included', 'tsc', ['-p', 'tsconfig.json']);
check('formatting', 'prettier', ['--check', '--log-level', 'warn', '.']);
check('proto style', 'buf', ['lint', 'proto']);
check('proto compatibility', 'node', ['scripts/proto-compatibility.mjs']);
const ran = run('nx', ['run-many', '-t', 'test', '--output-style=static', '--nxBail=false']);

const files = existsSync(results)
  ? readdirSync(results, { recursive: true }).filter((file) => file.endsWith('.json'))
  : [];
for (const file of files) addUp(path.join(results, file));
if (!ran && failures.length === 0) {
  totals.failed += 1;
  failures.push('a test run ended without a report; see above');
}

console.log('');
for (const [reason, count] of skips) console.log(`skipped (${count}): ${reason}`);
for (const failure of failures) console.log(`failed: ${failure}`);
if (ci && totals.skipped > 0) {
  console.log(`CI=true: the ${totals.skipped} skipped tests count as failed`);
  totals.failed += totals.skipped;
  totals.skipped = 0;
}
console.log(
  `\n${totals.passed} passed, ${totals.failed} failed${totals.skipped > 0 ? `, ${totals.skipped} skipped` : ''}`,
);
process.exit(totals.failed > 0 ? 1 : 0);
