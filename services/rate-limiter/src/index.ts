export { rateLimiterConfigSchema, rateLimiterDefaults, type RateLimiterConfig } from './config.ts';
export type {
  Decision,
  Dimension,
  LeaseGrant,
  LeaseOrder,
  LeaseReturn,
  LimitState,
  LimitStore,
  Reservation,
  Settlement,
  Subject,
  SubjectLimits,
} from './limit-store.ts';
export { limitsMigrations } from './ledger/migrations.ts';
export { Limiter, type LimiterOptions, type PeriodSeed } from './limiter.ts';
export { createRateLimiter, type RateLimiterPorts } from './rate-limiter.ts';
export { rateLimiterTarget } from './host-target.ts';
export { MemoryLimitStore, type MemoryLimitStoreOptions } from './store.memory.ts';
export { RedisLimitStore, type RedisLimitStoreOptions } from './store.redis.ts';
