import { execFile } from 'node:child_process';
import { accessSync, constants, existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { BinaryReader, BinaryWriter } from '@bufbuild/protobuf/wire';
import { createGrpcClient, type MessageType } from '@flotilla/rpc';
import { freePort, startChild } from '@flotilla/testkit';
import { KEYS, large } from './subjects.ts';

const commandPackage = 'github.com/envoyproxy/ratelimit/src/service_cmd';
const version = 'v1.4.1-0.20260122083618-3fb702589d36';

/**
 * Envoy's ratelimit (Apache-2.0): the file that FLOTILLA_ENVOY_RATELIMIT names; else it is built by Go, once, beside the
 * tools that tests use. Throws why it cannot be had.
 */
export async function installEnvoy(): Promise<string> {
  const chosen = process.env.FLOTILLA_ENVOY_RATELIMIT;
  if (chosen) {
    accessSync(chosen, constants.X_OK);
    return chosen;
  }
  // Where scripts/tools.mjs installs.
  const shared = process.getuid?.() === 0 ? '/var/cache/flotilla' : path.join(homedir(), '.cache/flotilla');
  const tools = process.env.FLOTILLA_TOOLS_DIR || shared;
  const file = path.join(tools, 'bin/envoy-ratelimit');
  const stamp = path.join(tools, 'envoy-ratelimit.version');
  if (existsSync(file) && existsSync(stamp) && readFileSync(stamp, 'utf8') === version) return file;
  console.error('limits: builds Envoy’s ratelimit once, which takes minutes …');
  mkdirSync(path.dirname(file), { recursive: true });
  const scratch = mkdtempSync(path.join(tools, 'installing-'));
  try {
    await goInstall(scratch);
    renameSync(path.join(scratch, 'service_cmd'), file);
    writeFileSync(stamp, version);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
  return file;
}

async function goInstall(folder: string): Promise<void> {
  const env = { ...process.env, GOBIN: folder, GOFLAGS: '', CGO_ENABLED: '0' };
  const options = { env, cwd: folder, timeout: 600_000 };
  try {
    await promisify(execFile)('go', ['install', '-trimpath', `${commandPackage}@${version}`], options);
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    if (code === 'ENOENT') throw new Error('needs Go to build it, or FLOTILLA_ENVOY_RATELIMIT', { cause });
    const last = message.trim().split('\n').at(-1)!;
    throw new Error(`go install failed: ${last.replaceAll(/\w+:\/\/\S+/g, '<address>')}`, { cause });
  }
}

/** One limit per key and minute in this Redis: INCRBY and EXPIRE in a pipeline. Its statistics are off, its pool has a connection for each caller. */
export async function startEnvoy(command: string, redisPort: number, callers: number) {
  const folder = mkdtempSync(path.join(tmpdir(), 'flotilla-envoy-'));
  mkdirSync(path.join(folder, 'config'));
  const limit = `rate_limit: { unit: minute, requests_per_unit: ${large} }`;
  writeFileSync(path.join(folder, 'config/bench.yaml'), `domain: bench\ndescriptors: [{ key: key, ${limit} }]\n`);
  const [http, debug, grpc] = await Promise.all([freePort(), freePort(), freePort()]);
  const child = await startChild({
    command,
    env: {
      ...{ HOST: '127.0.0.1', PORT: `${http}`, DEBUG_HOST: '127.0.0.1', DEBUG_PORT: `${debug}` },
      ...{ GRPC_HOST: '127.0.0.1', GRPC_PORT: `${grpc}`, DISABLE_STATS: 'true', USE_STATSD: 'false' },
      ...{ REDIS_SOCKET_TYPE: 'tcp', REDIS_URL: `127.0.0.1:${redisPort}`, REDIS_POOL_SIZE: `${callers}` },
      ...{ RUNTIME_ROOT: folder, RUNTIME_SUBDIRECTORY: '', RUNTIME_WATCH_ROOT: 'false' },
      HEALTHY_WITH_AT_LEAST_ONE_CONFIG_LOADED: 'true',
    },
    ready: { url: `http://127.0.0.1:${http}/healthcheck` },
  });
  const { client, close } = createGrpcClient(rateLimitService, `127.0.0.1:${grpc}`);
  return {
    pid: child.pid,
    /** Throws when the request is not within the limit. */
    async decide(id: number): Promise<void> {
      if ((await client.shouldRateLimit(`key_${id % KEYS}`)) !== withinLimit) throw new Error('Envoy refused');
    },
    async stop(): Promise<void> {
      close();
      await child.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** RateLimitResponse.Code.OK */
const withinLimit = 1;

/** RateLimitRequest { domain = 1, descriptors = 2 { entries = 1 { key = 1, value = 2 } } }, for the value of `key`. */
const requestType: MessageType<string> = {
  encode(value, writer = new BinaryWriter()) {
    writer.uint32(10).string('bench').uint32(18).fork().uint32(10).fork();
    return writer.uint32(10).string('key').uint32(18).string(value).join().join();
  },
  decode: () => '',
  fromPartial: String,
};

/** RateLimitResponse { overall_code = 1, … }, of which only the code is read: it is written first. */
const responseType: MessageType<number> = {
  encode: (code, writer = new BinaryWriter()) => writer.uint32(8).int32(code),
  decode(input) {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    return reader.uint32() === 8 ? reader.int32() : 0;
  },
  fromPartial: Number,
};

const rateLimitService = {
  name: 'RateLimitService',
  fullName: 'envoy.service.ratelimit.v3.RateLimitService',
  methods: {
    shouldRateLimit: {
      ...{ name: 'ShouldRateLimit', requestType, requestStream: false, responseType, responseStream: false },
      options: {},
    },
  },
} as const;
