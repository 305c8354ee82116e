import { envFlag, readEnvironment, type Environment } from '@flotilla/kernel';
import { z } from 'zod';

/** Where each service answers RPC when nothing else is said: one machine, no clash. */
export const defaultPorts = {
  gateway: 7000,
  'rate-limiter': 7001,
  orchestrator: 7002,
  rag: 7003,
  safety: 7004,
  'llm-router': 7005,
  'gpu-fleet-controller': 7006,
} as const;

export type ServiceName = keyof typeof defaultPorts;

/** The contract's area that each service serves; peers are named by it. */
const areas = {
  'rate-limiter': 'limits',
  orchestrator: 'orchestrator',
  rag: 'rag',
  safety: 'safety',
  'llm-router': 'router',
  'gpu-fleet-controller': 'fleet',
} as const satisfies Partial<Record<ServiceName, string>>;

const peer = (service: keyof typeof areas) =>
  z
    .string()
    .default(`127.0.0.1:${defaultPorts[service]}`)
    .describe(`host:port of ${service}. A name with several addresses is balanced over all of them`);

/** Environment that every service process reads, prefix FLOTILLA. */
export const meshConfigSchema = z.object({
  config: z.string().optional().describe('the platform file (YAML); read again when it changes'),
  rpcListen: z.string().optional().describe('host:port for RPC between services, health and reflection'),
  opsListen: z.string().optional().describe('host:port for /healthz, /readyz and /metrics; RPC port + 1000 by default'),
  natsUrl: z.string().default('nats://127.0.0.1:4222').describe('NATS with JetStream'),
  databaseUrl: z.string().optional().describe('postgres://…; a secret: mount it and set FLOTILLA_DATABASE_URL_FILE'),
  peerLimits: peer('rate-limiter'),
  peerOrchestrator: peer('orchestrator'),
  peerRag: peer('rag'),
  peerSafety: peer('safety'),
  peerRouter: peer('llm-router'),
  peerFleet: peer('gpu-fleet-controller'),
  otlpEndpoint: z
    .string()
    .optional()
    .describe('OTLP/HTTP collector, e.g. http://otel:4318; without it no span is recorded'),
  traceSampleRatio: z.coerce.number().min(0).max(1).default(0.05).describe('share of new traces that are recorded'),
  metrics: envFlag.prefault('true').describe('figures of the process itself (CPU, memory, event loop) in /metrics'),
  logLevel: z.enum(['debug', 'info', 'warn', 'error']).default('info').describe('lowest level that is written'),
  notReadyMs: z.coerce
    .number()
    .int()
    .nonnegative()
    .default(0)
    .describe(
      'ms to keep serving after readiness turned false, so that load balancers notice; 5000 or more on Kubernetes',
    ),
  drainMs: z.coerce
    .number()
    .int()
    .nonnegative()
    .default(30_000)
    .describe('ms that work under way may take to finish on SIGTERM'),
});

export type MeshConfig = z.infer<typeof meshConfigSchema>;

export function readMeshConfig(env: Environment): MeshConfig {
  return readEnvironment(meshConfigSchema, 'FLOTILLA', env);
}

/** RPC addresses by area of contract. */
export function peersOf(config: MeshConfig): Record<string, string> {
  return {
    limits: config.peerLimits,
    orchestrator: config.peerOrchestrator,
    rag: config.peerRag,
    safety: config.peerSafety,
    router: config.peerRouter,
    fleet: config.peerFleet,
  };
}

/** Where this process listens: what is configured, or its default port on loopback. */
export function listenAddresses(config: MeshConfig, service: ServiceName): { rpc: string; ops: string } {
  const rpc = config.rpcListen ?? `127.0.0.1:${defaultPorts[service]}`;
  const [host, port] = [rpc.slice(0, rpc.lastIndexOf(':')), Number(rpc.slice(rpc.lastIndexOf(':') + 1))];
  return { rpc, ops: config.opsListen ?? `${host}:${port === 0 ? 0 : port + 1_000}` };
}
