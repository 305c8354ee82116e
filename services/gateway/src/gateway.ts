import type { Bus, Subscription } from '@flotilla/bus';
import { fleet, limits, orchestrator, rag, router, safety } from '@flotilla/contracts';
import { migrate, type Database } from '@flotilla/database';
import {
  systemClock,
  systemRandom,
  type Clock,
  type Environment,
  type Live,
  type PlatformFile,
  type Random,
  type Service,
  type Timer,
} from '@flotilla/kernel';
import type { RpcNetwork } from '@flotilla/rpc';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { NestFactory } from '@nestjs/core';
import type { AddressInfo } from 'node:net';
import { createAccess } from './access/access.ts';
import { databaseKeyStore } from './access/key-store.database.ts';
import type { KeyStore } from './access/key-store.ts';
import { databaseNonceStore } from './access/nonces.ts';
import { Admission } from './admission/admission.ts';
import { Turns } from './chat/turns.ts';
import type { GatewayConfig } from './config.ts';
import { createDirectory } from './directory/create-directory.ts';
import { followKeyChanges } from './gateway.events.ts';
import { GatewayModule } from './gateway.module.ts';
import type { Edge } from './http/edge.ts';
import { ClientAddress } from './http/client-address.ts';
import { FailedKeys } from './http/failed-keys.ts';
import { InFlight } from './http/in-flight.ts';
import { createHttpAdapter, type EdgeAdapter, type Route } from './http/server.ts';
import { leaseMs } from './idempotency/keyed-requests.ts';
import { databaseReplayStore } from './idempotency/replay-store.database.ts';
import { SharedAnswers } from './idempotency/shared-answers.ts';
import { gatewayMigrations } from './migrations.ts';
import { ContentRules } from './rules/content-rules.ts';
import { RuleStore } from './rules/rule-store.ts';
import { Regions } from './regions/regions.ts';
import { AdaptiveShedder } from './shedding/shedder.ts';
import { ChatSocket } from './routes/chat-socket/chat-socket.ts';
import { ServerCertificate } from './tls/server-certificate.ts';

export type GatewayPorts = EdgePorts & KeyPorts;

/** Where keys live: in the gateway's own tables of a database, or wherever else. */
type KeyPorts = { database: Database } | { keyStore: KeyStore };

interface EdgePorts {
  rpc: RpcNetwork;
  bus: Bus;
  file: Live<PlatformFile>;
  /** Holds the secrets that the platform file names. Absent: it holds none. */
  env?: Environment;
  clock?: Clock;
  random?: Random;
  /** Prometheus text for /metrics. Absent: an empty page. */
  metrics?(): Promise<string>;
  /** What else must be ready before /readyz says so. Absent: nothing. */
  ready?(): boolean | Promise<boolean>;
}

export interface Gateway extends Service {
  /** Where it listens, e.g. `http://127.0.0.1:8080`; undefined until it does. */
  readonly url: string | undefined;
  /** Every route of its API, once it has started. */
  readonly routes: readonly Route[];
}

/** The public edge: HTTP, SSE and WebSocket on one port. */
export function createGateway(config: GatewayConfig, ports: GatewayPorts): Gateway {
  const { rpc, bus, file, env = {}, clock = systemClock, random = systemRandom } = ports;
  const database = 'database' in ports ? ports.database : undefined;
  const store = 'keyStore' in ports ? ports.keyStore : databaseKeyStore(ports.database);
  const nonces = database && databaseNonceStore(database);
  const access = createAccess(config, { store, nonces, file, env, clock });
  const { keys } = access;
  const directory = database && createDirectory({ database, access, bus, file, clock, random });
  const admission = new Admission({
    limiter: rpc.client(limits.LimitsDefinition),
    ...{ file, clock, random, timeoutMs: config.limitsTimeoutMs, holdMs: config.chatTimeoutMs },
    ...{ leaseTtlMs: config.leaseTtlMs, leaseRequests: config.leaseRequests },
  });
  const ruleStore = database && new RuleStore({ database, bus, clock, random });
  const rules = new ContentRules({ file, bus, clock, source: ruleStore, textLimit: config.ruleTextLimit });
  const shedder = new AdaptiveShedder({ ...config, clock, random });
  const turns = new Turns({
    orchestrator: rpc.client(orchestrator.OrchestratorDefinition),
    ...{ admission, rules, shedder },
    ...{ clock, timeoutMs: config.chatTimeoutMs, maxConcurrent: config.maxConcurrentChats },
  });

  const owner = random.id('gw_');
  const replays = database && databaseReplayStore({ database, owner, leaseMs, ttlMs: config.idempotencyTtlMs });
  const shared = new SharedAnswers({ ...config, store: replays, clock, random });
  const inFlight = new InFlight();
  let adapter: EdgeAdapter | undefined;
  let app: NestFastifyApplication | undefined;
  let keyChanges: Subscription | undefined;
  const certificate = ServerCertificate.from(config);
  let certificateChanges: Timer | undefined;
  let observed: (() => void) | undefined;
  let url: string | undefined;
  let ending = false;
  const ready = async () => url !== undefined && !ending && ((await ports.ready?.()) ?? true);
  const { region } = config;
  const regions =
    region === undefined
      ? undefined
      : new Regions({
          ...{ ...config, region, file, clock, shedder, ready, timeoutMs: config.chatTimeoutMs },
          router: rpc.client(router.RouterDefinition),
        });

  const edge: Edge = {
    ...{ config, clock, random, keys, directory, ruleStore, turns, inFlight, shared },
    access: access.authenticator,
    clients: new ClientAddress(config.trustedProxies),
    failedKeys: new FailedKeys(clock, config.failedKeysPerMinute),
    certificate,
    regions,
    ending: () => ending,
    orchestrator: rpc.client(orchestrator.OrchestratorDefinition),
    rag: rpc.client(rag.RagDefinition),
    router: rpc.client(router.RouterDefinition),
    registry: rpc.client(router.RegistryDefinition),
    activation: rpc.client(fleet.ActivationDefinition),
    limiter: rpc.client(limits.LimitsDefinition),
    safety: rpc.client(safety.SafetyDefinition),
    ready,
    metrics: async () => (await ports.metrics?.()) ?? '',
  };
  const socket = new ChatSocket(edge, random);

  return {
    name: 'gateway',
    get url() {
      return url;
    },
    get routes() {
      return adapter?.routes ?? [];
    },
    async start() {
      if ('database' in ports) await migrate(ports.database, gatewayMigrations);
      keyChanges = await followKeyChanges(bus, access);
      await access.start();
      await rules.start();
      shared.start();
      await admission.start();
      adapter = createHttpAdapter(edge);
      app = await NestFactory.create<NestFastifyApplication>(GatewayModule.with({ keys, turns, socket }), adapter, {
        ...{ logger: false, bodyParser: false, abortOnError: false },
      });
      socket.attach(adapter.getHttpServer());
      await app.listen(config.port, config.host);
      const { address, port, family } = adapter.getHttpServer().address() as AddressInfo;
      observed = shedder.observe();
      certificateChanges = certificate?.follow(adapter.getHttpServer(), clock);
      url = `${certificate ? 'https' : 'http'}://${family === 'IPv6' ? `[${address}]` : address}:${port}`;
      regions?.start();
    },
    ready: () => url !== undefined && !ending,
    async drain(signal) {
      ending = true;
      const server = adapter?.getHttpServer();
      // No new connections; those under way finish, idle ones close.
      server?.close();
      turns.refuse();
      await Promise.all([inFlight.idle(signal), socket.drain(signal)]);
      await admission.close();
      server?.closeIdleConnections();
    },
    async stop() {
      ending = true;
      url = undefined;
      await keyChanges?.close();
      keyChanges = undefined;
      await access.close();
      await rules.stop();
      await shared.close();
      certificateChanges?.cancel();
      observed?.();
      await regions?.stop();
      socket.close();
      adapter?.getHttpServer().closeAllConnections();
      await app?.close();
      app = undefined;
    },
  };
}
