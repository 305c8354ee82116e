import type { Bus, Subscription } from '@flotilla/bus';
import {
  systemClock,
  systemRandom,
  type Clock,
  type Live,
  type PlatformFile,
  type Random,
  type Service,
} from '@flotilla/kernel';
import { nestService, type RpcNetwork } from '@flotilla/rpc';
import { logger } from '@flotilla/telemetry';
import type { RateLimiterConfig } from './config.ts';
import type { LimitStore } from './limit-store.ts';
import { Limiter } from './limiter.ts';
import { RateLimiterModule } from './rate-limiter.module.ts';
import { MemoryLimitStore } from './store.memory.ts';
import { RedisLimitStore } from './store.redis.ts';
import { Tiers } from './tiers.ts';
import { settleUsage } from './usage.events.ts';

export interface RateLimiterPorts {
  rpc: RpcNetwork;
  bus: Bus;
  file: Live<PlatformFile>;
  clock?: Clock;
  random?: Random;
  /** Absent: Redis when the configuration names one, else memory. */
  store?: LimitStore;
}

const log = logger('rate-limiter');

/** The rate limiter: it serves flotilla.limits.v1.Limits and settles what `usage.recorded` reports. */
export function createRateLimiter(config: RateLimiterConfig, ports: RateLimiterPorts): Service {
  const { clock = systemClock, random = systemRandom } = ports;
  const store = ports.store ?? openStore(config, clock, random);
  const tiers = new Tiers(ports.file, {
    requestsPerMinute: config.defaultRequestsPerMinute,
    tokensPerMinute: config.defaultTokensPerMinute,
    defaultMaxTokens: config.defaultMaxTokens,
  });
  const limiter = new Limiter(store, tiers, clock);
  let usage: Subscription | undefined;
  return nestService({
    name: 'rate-limiter',
    module: RateLimiterModule.with(limiter),
    rpc: ports.rpc,
    async onStart() {
      await store.start();
      usage = await settleUsage(ports.bus, limiter);
    },
    ready: () => store.ready(),
    async onStop() {
      await usage?.close();
      tiers.close();
      await store.close();
    },
  });
}

function openStore(config: RateLimiterConfig, clock: Clock, random: Random): LimitStore {
  if (!config.redisUrl) return new MemoryLimitStore({ ...config, clock });
  return new RedisLimitStore({
    url: config.redisUrl,
    clock,
    random,
    commandTimeoutMs: config.redisCommandTimeoutMs,
    reservationTtlMs: config.reservationTtlMs,
    onConnection: (state, cause) => {
      if (state === 'connected') log.info('connected to Redis');
      else log.warn('no connection to Redis: decisions fail until it is back', { cause: cause?.message });
    },
  });
}
