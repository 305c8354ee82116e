import { existsSync } from 'node:fs';
import path from 'node:path';
import { findTool, serverUser, type ToolName } from '@flotilla/testkit';
import type { Image, Images } from './image.ts';

/** `tools/local-cluster/{src,dist}/agent/images`. */
const here = import.meta.dirname;
const repository = path.resolve(here, '../../../../..');
/** Run from source, as tests are, or as it was built. */
const extension = path.extname(import.meta.filename);

/** As the Dockerfile makes it. */
const flotilla: Image = {
  names: ['flotilla'],
  entrypoint: ['/bin/sh', '-c', 'exec node --enable-source-maps $V8_FLAGS services/$SERVICE/dist/main.js'],
  env: {
    NODE_ENV: 'production',
    SERVICE: 'standalone',
    V8_FLAGS: '--max-semi-space-size=64',
    FLOTILLA_DATA_DIR: '/data',
  },
  folders: { '/app': repository },
  scratch: ['/data', '/tmp'],
  workingDir: '/app',
};

const simulator = { file: process.execPath, before: [path.join(here, `vllm-main${extension}`)] };
const nothingToFetch = { file: '/bin/true' };

/** The engine simulator under vLLM's command line. Nothing is downloaded: it has no weights. */
const vllm: Image = {
  names: ['vllm-openai'],
  entrypoint: ['vllm', 'serve'],
  env: { FLOTILLA_POD_ADDRESS: '{ip}' },
  programs: { vllm: simulator, hf: nothingToFetch, 'huggingface-cli': nothingToFetch },
  scratch: ['/root', '/tmp'],
};

function server(tool: ToolName, make: (file: string) => Image): Image[] {
  const file = findTool(tool);
  return file === undefined ? [] : [make(file)];
}

const redis = (file: string): Image => ({
  names: ['redis', 'valkey'],
  entrypoint: ['redis-server'],
  programs: { 'redis-server': { file, after: ['--bind', '{ip}'] } },
  path: [path.dirname(file)],
  scratch: ['/data', '/tmp'],
  workingDir: '/data',
});

const nats = (file: string): Image => ({
  names: ['nats'],
  entrypoint: ['nats-server'],
  programs: { 'nats-server': { file, after: ['--addr', '{ip}'] } },
  scratch: ['/data', '/tmp'],
});

const postgres = (file: string): Image => ({
  names: ['postgres', 'pgvector'],
  entrypoint: ['docker-entrypoint.sh'],
  cmd: ['postgres'],
  programs: { 'docker-entrypoint.sh': { file: '/bin/sh', before: [besideSource('postgres.sh')] } },
  path: [path.dirname(file)],
  env: { PGDATA: '/var/lib/postgresql/data', PGHOST: '{ip}', LC_ALL: 'C' },
  scratch: ['/var/lib/postgresql', '/tmp'],
  user: serverUser(),
  stopSignal: 'SIGINT',
});

/** Scripts are not compiled: they lie in the source also when this was built. */
function besideSource(name: string): string {
  const built = path.join(here, name);
  return existsSync(built) ? built : built.replace(`${path.sep}dist${path.sep}`, `${path.sep}src${path.sep}`);
}

/** The images this machine can run: those of the charts. Servers that are not installed are left out. */
export function localImages(): Images {
  return [
    flotilla,
    vllm,
    ...server('redis-server', redis),
    ...server('nats-server', nats),
    ...server('postgres', postgres),
  ];
}
