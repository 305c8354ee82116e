export { ChatLoad, type LoadOptions, type LoadResult } from './chat-load.ts';
export {
  diesWithParent,
  startChild,
  takesConnections,
  type Child,
  type ChildOptions,
  type Readiness,
} from './child-process.ts';
export { createFakeClock, type FakeClock } from './fake-clock.ts';
export { freePort } from './free-port.ts';
export { describeWith } from './needs.ts';
export { until, type PollOptions } from './poll.ts';
export { createSeededRandom } from './seeded-random.ts';
export { findTool, requireTool, type ToolName } from './servers/binaries.ts';
export { startNats, type NatsOptions } from './servers/nats.ts';
export { serverUser, type ServerUser } from './servers/postgres-cluster.ts';
export { startPostgres } from './servers/postgres.ts';
export { startPrometheus, type PrometheusOptions } from './servers/prometheus.ts';
export { startRedis, type RedisOptions } from './servers/redis.ts';
export type { ServerOptions, TestServer } from './servers/server.ts';
export { readEvents, type SseAnswer } from './sse.ts';
