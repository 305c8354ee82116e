import { createNatsBus } from '@flotilla/bus';
import { openDatabase, type Database } from '@flotilla/database';
import {
  liveValue,
  parsePlatformFile,
  runProcess,
  serviceGroup,
  systemClock,
  systemRandom,
  type Environment,
  type Group,
  type Service,
} from '@flotilla/kernel';
import { createMeshNetwork, type RpcNetwork } from '@flotilla/rpc';
import { createOpsServer, startTelemetry } from '@flotilla/telemetry';
import type { Host, Target } from './host.ts';
import { watchDependency } from './dependency-metrics.ts';
import { listenAddresses, peersOf, readMeshConfig, type ServiceName } from './mesh-config.ts';
import { followPlatformFile } from './platform-file.ts';
import { rpcMetrics } from './rpc-metrics.ts';

/**
 * Runs one service as this process in the mesh: connects what it stands on, serves it, and ends in stages on SIGTERM.
 * The order of the end is the reverse of: bus, database, service, RPC, ops.
 */
export async function runService(
  target: Target & { name: ServiceName },
  env: Environment = process.env,
): Promise<void> {
  const config = readMeshConfig(env);
  const listen = listenAddresses(config, target.name);
  const telemetry = await startTelemetry({
    service: target.name,
    otlpEndpoint: config.otlpEndpoint,
    sampleRatio: config.traceSampleRatio,
    metrics: config.metrics,
    logLevel: config.logLevel,
  });
  const rpc = createMeshNetwork({ listen: listen.rpc, peers: peersOf(config), observer: rpcMetrics() });
  const bus = await createNatsBus({ servers: config.natsUrl, name: target.name });
  const file = config.config ? followPlatformFile(config.config) : liveValue(parsePlatformFile(''));
  watchDependency('nats', () => bus.ready());

  let database: Promise<Database> | undefined;
  const host: Host = {
    ...{ rpc, bus, file, env, clock: systemClock, random: systemRandom },
    database() {
      if (!config.databaseUrl) throw new Error(`${target.name} needs FLOTILLA_DATABASE_URL (postgres://…)`);
      // One that could not be opened is opened anew when it is asked for again.
      return (database ??= openDatabase(config.databaseUrl).catch((error: unknown) => {
        database = undefined;
        throw error;
      }));
    },
    metrics: () => telemetry.metricsText(),
    ready: () => group.ready(),
  };

  const service = await target.create(host);
  const group: Group = serviceGroup([
    resource('telemetry', () => telemetry.shutdown()),
    resource('bus', () => bus.close()),
    resource('database', async () => (await database)?.close()),
    service,
    networkService(rpc),
    createOpsServer({ listen: listen.ops, ready: host.ready, metrics: host.metrics }),
  ]);
  await runProcess(group, { notReadyMs: config.notReadyMs, drainMs: config.drainMs });
}

/**
 * Something already open that only has to be closed at the end. It has no say in readiness: what all replicas share (a bus, a
 * database) may be away for a while, and taking every replica out of service would turn that into an outage.
 */
export function resource(name: string, close: () => Promise<void>): Service {
  return { name, start: async () => undefined, ready: () => true, stop: close };
}

/** The network as a service: it takes calls after everything else has started, and refuses them first. */
export function networkService(rpc: RpcNetwork): Service {
  return {
    name: 'rpc',
    start: () => rpc.listen(),
    ready: () => true,
    drain: (signal) => rpc.drain(signal),
    stop: () => rpc.close(),
  };
}
