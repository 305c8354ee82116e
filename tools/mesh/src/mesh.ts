import { mkdirSync } from 'node:fs';
import path from 'node:path';
import type { ServiceName } from '@flotilla/host';
import { freePort, startChild, startNats, startPostgres, startRedis, type Child } from '@flotilla/testkit';

export interface MeshOptions {
  /** Takes the logs, `<service>.log`, and the state of local engines. */
  folder: string;
  /** The first key, for the gateway alone. */
  devKey: string;
  /** Added to the environment of every process. */
  env?: Readonly<Record<string, string>>;
  /** HTTP port of the gateway; a free one when absent. */
  port?: number;
  progress?: (line: string) => void;
}

/** The seven services as processes, with real Redis, NATS and Postgres. */
export interface Mesh {
  readonly url: string;
  readonly databaseUrl: string;
  /** Where each service answers gRPC, as host:port; the same over restarts. */
  readonly rpc: Readonly<Record<ServiceName, string>>;
  /** Where each serves /metrics and its probes, as host:port. */
  readonly ops: Readonly<Record<ServiceName, string>>;
  /** Process ids by service. */
  readonly pids: Readonly<Record<ServiceName, number>>;
  readonly servers: { redis: RunningServer; nats: RunningServer; postgres: RunningServer };
  /** Ends a service at once, as a crash would. */
  kill(service: ServiceName): Promise<void>;
  /** Sends SIGTERM and resolves when the process has drained and ended. */
  terminate(service: ServiceName): Promise<void>;
  /** Starts a service that is not running, at the address it had; resolves when it is ready. */
  start(service: ServiceName): Promise<void>;
  /** Ends everything in order: the edge first. */
  stop(): Promise<void>;
}

/** Young objects live for one chat: with V8's default of 16 MiB many are copied into the old space under load. */
export const nodeFlags = ['--max-semi-space-size=64'];

type RunningServer = Awaited<ReturnType<typeof startRedis>>;

/** In the order they start; the end is the reverse. */
export const services = [
  'gpu-fleet-controller',
  'safety',
  'rate-limiter',
  'llm-router',
  'rag',
  'orchestrator',
  'gateway',
] as const satisfies readonly ServiceName[];

const peerVariable: Partial<Record<ServiceName, string>> = {
  'rate-limiter': 'FLOTILLA_PEER_LIMITS',
  orchestrator: 'FLOTILLA_PEER_ORCHESTRATOR',
  rag: 'FLOTILLA_PEER_RAG',
  safety: 'FLOTILLA_PEER_SAFETY',
  'llm-router': 'FLOTILLA_PEER_ROUTER',
  'gpu-fleet-controller': 'FLOTILLA_PEER_FLEET',
};

interface Addresses {
  rpc: number;
  ops: number;
}

/** Starts the servers, then the services; resolves when all are ready. Ends what had started when one does not. */
export async function startMesh(options: MeshOptions): Promise<Mesh> {
  const progress = options.progress ?? (() => undefined);
  mkdirSync(options.folder, { recursive: true });
  progress('Redis, NATS and Postgres …');
  const [redis, nats, postgres] = await Promise.all([startRedis(), startNats(), startPostgres()]);
  const addresses = Object.fromEntries(
    await Promise.all(services.map(async (name) => [name, { rpc: await freePort(), ops: await freePort() }] as const)),
  ) as Record<ServiceName, Addresses>;
  const port = options.port ?? (await freePort());
  const at = (kind: keyof Addresses) =>
    Object.fromEntries(services.map((name) => [name, `127.0.0.1:${addresses[name][kind]}`])) as Mesh['rpc'];
  const rpc = at('rpc');
  const ops = at('ops');

  const shared: Record<string, string> = {
    FLOTILLA_NATS_URL: nats.url,
    FLOTILLA_REDIS_URL: redis.url,
    FLOTILLA_DATABASE_URL: postgres.url,
    FLOTILLA_FLEET_STATE_DIR: path.join(options.folder, 'engines'),
    ...options.env,
    ...Object.fromEntries(Object.entries(peerVariable).map(([name, variable]) => [variable, rpc[name as ServiceName]])),
  };
  const own: Partial<Record<ServiceName, Record<string, string>>> = {
    gateway: {
      FLOTILLA_GATEWAY_HOST: '127.0.0.1',
      FLOTILLA_GATEWAY_PORT: String(port),
      FLOTILLA_GATEWAY_DEV_KEY: options.devKey,
    },
  };
  const running = new Map<ServiceName, Child>();

  const start = async (name: ServiceName) => {
    const main = path.resolve(import.meta.dirname, `../../../services/${name}/dist/main.js`);
    const child = await startChild({
      command: process.execPath,
      args: ['--enable-source-maps', ...nodeFlags, main],
      env: {
        ...{ ...shared, ...own[name] },
        ...{ FLOTILLA_RPC_LISTEN: rpc[name], FLOTILLA_OPS_LISTEN: ops[name] },
      },
      logFile: path.join(options.folder, `${name}.log`),
      ready: { url: `http://${ops[name]}/readyz` },
      // Seven processes that start at once on a busy machine take their time.
      readyTimeoutMs: 90_000,
      stopTimeoutMs: 35_000,
    });
    running.set(name, child);
  };
  const stop = async () => {
    for (const name of services.toReversed()) await running.get(name)?.stop();
    await Promise.all([redis.stop(), nats.stop(), postgres.stop()]);
  };

  try {
    progress(`${services.join(', ')} …`);
    await Promise.all(services.map(start));
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    url: `http://127.0.0.1:${port}`,
    databaseUrl: postgres.url,
    rpc,
    ops,
    get pids() {
      return Object.fromEntries([...running].map(([name, child]) => [name, child.pid])) as Record<ServiceName, number>;
    },
    servers: { redis, nats, postgres },
    kill: async (name) => running.get(name)?.kill(),
    terminate: async (name) => running.get(name)?.stop(),
    start,
    stop,
  };
}
