import { existsSync, mkdirSync } from 'node:fs';
import path from 'node:path';
import { createMemoryBus } from '@flotilla/bus';
import { openDatabase } from '@flotilla/database';
import { followPlatformFile, networkService, resource, rpcMetrics, type Host } from '@flotilla/host';
import {
  liveValue,
  serviceGroup,
  systemClock,
  systemRandom,
  type Environment,
  type Group,
  type Live,
  type PlatformFile,
} from '@flotilla/kernel';
import { createMemoryNetwork } from '@flotilla/rpc';
import { startTelemetry } from '@flotilla/telemetry';
import type { StandaloneConfig } from './config.ts';
import { devKey } from './dev-key.ts';
import { findEngines } from './engines.ts';
import { targets } from './targets.ts';

export interface Standalone {
  readonly group: Group;
  readonly key: string;
  readonly dataDir: string;
  /** What was found to serve, in a sentence. */
  readonly says: string;
}

/** All services in this process, over a memory network and bus, with the database in the data folder. */
export async function createStandalone(config: StandaloneConfig, env: Environment): Promise<Standalone> {
  const dataDir = path.resolve(config.dataDir);
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  const key = devKey(dataDir, config.devKey);
  const telemetry = await startTelemetry({
    service: 'flotilla',
    otlpEndpoint: config.otlpEndpoint,
    sampleRatio: config.traceSampleRatio,
    metrics: config.metrics,
    logLevel: config.logLevel,
  });
  const { file, says } = await platformFile(config, env);
  const rpc = createMemoryNetwork({ observer: rpcMetrics() });
  // 'handled': the outbox forgets an event only after its handlers ran, so that a crash loses none.
  const bus = createMemoryBus({ resolveWhen: 'handled' });
  const database = await openDatabase(config.databaseUrl ?? `pglite://${path.join(dataDir, 'pg')}`);

  const host: Host = {
    ...{ rpc, bus, file, clock: systemClock, random: systemRandom },
    env: {
      FLOTILLA_FLEET_STATE_DIR: path.join(dataDir, 'engines'),
      FLOTILLA_GATEWAY_HOST: config.host,
      FLOTILLA_GATEWAY_PORT: String(config.port),
      ...env,
      FLOTILLA_GATEWAY_DEV_KEY: key,
    },
    database: async () => database,
    metrics: () => telemetry.metricsText(),
    ready: () => group.ready(),
  };

  const services = [];
  for (const target of targets) services.push(await target.create(host));
  const group: Group = serviceGroup([
    resource('telemetry', () => telemetry.shutdown()),
    resource('database', () => database.close()),
    resource('bus', () => bus.close()),
    networkService(rpc),
    ...services,
  ]);
  return { group, key, dataDir, says };
}

async function platformFile(
  config: StandaloneConfig,
  env: Environment,
): Promise<{ file: Live<PlatformFile>; says: string }> {
  const file = config.config ?? (existsSync('config/flotilla.yaml') ? 'config/flotilla.yaml' : undefined);
  if (file) {
    const watched = followPlatformFile(file);
    return { file: watched, says: `Configuration: ${file} (${watched.current.providers.length} providers)` };
  }
  const found = await findEngines(env);
  return { file: liveValue(found.file), says: found.says };
}
