import path from 'node:path';
import { limits } from '@flotilla/contracts';
import { nodeFlags } from '@flotilla/mesh';
import { createGrpcClient, createMeshNetwork, type Client } from '@flotilla/rpc';
import { freePort, startChild, startNats, startPostgres, type TestServer } from '@flotilla/testkit';
import { Redis } from 'ioredis';
import { cpuSeconds } from '../measure.ts';
import type { BenchRow } from '../row.ts';
import { callFor } from '../rpc/load.ts';
import { installEnvoy, startEnvoy } from './envoy.ts';
import { plain } from './figures.ts';
import { CONCURRENCY, reservationOf, single, subjects } from './subjects.ts';

type Limits = Client<typeof limits.LimitsDefinition>;
/** Measures calls of a service that runs as this process. */
type Measure = (name: string, pid: number, what: string, call: (id: number) => Promise<unknown>) => Promise<BenchRow>;

/** Limiters as processes on one Redis, called from this process: ours as the mesh runs it, and Envoy's. */
export async function asServices(redis: TestServer): Promise<BenchRow[]> {
  const admin = new Redis(redis.url);
  const measure: Measure = async (...of) => {
    // What one limiter left there expires while the next is measured.
    await admin.flushall();
    return row(redis.pid, ...of);
  };
  try {
    return [...(await ours(redis.url, measure)), await envoys(redis.port, measure)];
  } finally {
    admin.disconnect();
  }
}

async function ours(redisUrl: string, measure: Measure): Promise<BenchRow[]> {
  const [nats, postgres] = await Promise.all([startNats(), startPostgres()]);
  const [rpc, ops] = await Promise.all([freePort(), freePort()]);
  const address = `127.0.0.1:${rpc}`;
  const service = await startChild({
    command: process.execPath,
    args: [...nodeFlags, path.resolve(import.meta.dirname, '../../../services/rate-limiter/dist/main.js')],
    env: {
      ...{ FLOTILLA_REDIS_URL: redisUrl, FLOTILLA_NATS_URL: nats.url, FLOTILLA_DATABASE_URL: postgres.url },
      ...{ FLOTILLA_RPC_LISTEN: address, FLOTILLA_OPS_LISTEN: `127.0.0.1:${ops}` },
      FLOTILLA_RATE_LIMITER_REDIS_COMMAND_TIMEOUT_MS: '1000',
    },
    ready: { url: `http://127.0.0.1:${ops}/readyz` },
  });
  const network = createMeshNetwork({ peers: { limits: address } });
  const grpc = createGrpcClient(limits.LimitsDefinition, address);
  try {
    const link = network.client(limits.LimitsDefinition);
    const { pid } = service;
    const one = '1 subject, 1 limit, no settle';
    const whole = '3 subjects, 7 limits, atomic, two calls';
    return [
      await measure('limits: our service, reserve + settle per core, link', pid, whole, (id) =>
        reserveAndSettle(link, id),
      ),
      await measure('limits: our service, reserve per core, link', pid, one, (id) => reserve(link, id, single)),
      await measure('limits: our service, reserve per core, gRPC', pid, one, (id) => reserve(grpc.client, id, single)),
    ];
  } finally {
    grpc.close();
    await network.close();
    await service.stop();
    await Promise.all([nats.stop(), postgres.stop()]);
  }
}

async function envoys(redisPort: number, measure: Measure): Promise<BenchRow> {
  const name = 'limits: Envoy ratelimit, decisions per core, gRPC';
  let command: string;
  try {
    command = await installEnvoy();
  } catch (error) {
    return { ...plain(name, 0, (error as Error).message), measured: 'not installed' };
  }
  const envoy = await startEnvoy(command, redisPort, CONCURRENCY);
  try {
    return await measure(name, envoy.pid, '1 counter in a fixed window, no settle', envoy.decide);
  } finally {
    await envoy.stop();
  }
}

/** How often per second of the service's CPU. */
async function row(redis: number, ...[name, pid, what, call]: Parameters<Measure>): Promise<BenchRow> {
  let id = 0;
  const next = () => call((id += 1));
  // Long enough for V8 to have compiled what is hot.
  await callFor(4_000, CONCURRENCY, next);
  const before = [cpuSeconds(pid), cpuSeconds(redis)] as const;
  const { calls, p50, p99 } = await callFor(5_000, CONCURRENCY, next);
  const seconds = cpuSeconds(pid) - before[0];
  const inRedis = cpuSeconds(redis) - before[1];
  const micros = (used: number) => `${((used / calls) * 1e6).toFixed(0)} µs`;
  const times = `${CONCURRENCY} at once: p50 ${p50.toFixed(2)}, p99 ${p99.toFixed(2)} ms`;
  return plain(
    name,
    Math.round(calls / seconds),
    `${what}; ${micros(seconds)} CPU, Redis ${micros(inRedis)}; ${times}`,
  );
}

async function reserve(client: Limits, id: number, of: typeof subjects): Promise<limits.ReserveRequest> {
  const { requestId, orgId, subjects: counted, ...rest } = reservationOf(id, of);
  const request = limits.ReserveRequest.fromPartial({
    ...rest,
    caller: { requestId, orgId, keyId: counted[0]!.id, userId: counted[1]?.id ?? '' },
    subjects: counted.map(
      ({ kind, id: name, limits: { requests_per_minute, tokens_per_minute, tokens_per_month } }) => ({
        ...{ kind, id: name, requestsPerMinute: requests_per_minute },
        ...{ tokensPerMinute: tokens_per_minute, tokensPerMonth: tokens_per_month },
      }),
    ),
  });
  const { allowed } = await client.reserve(request);
  if (!allowed) throw new Error('our service refused');
  return request;
}

async function reserveAndSettle(client: Limits, id: number): Promise<void> {
  const { caller } = await reserve(client, id, subjects);
  const usage = { promptTokens: 50, completionTokens: 30, cachedTokens: 0 };
  await client.settle(limits.SettleRequest.fromPartial({ caller, usage, costMicros: 10 }));
}
