import type { Bus, Subscription } from '@flotilla/bus';
import type { Database } from '@flotilla/database';
import { FlotillaError, systemClock, systemRandom, type Clock, type Random, type Service } from '@flotilla/kernel';
import { nestService, type RpcNetwork } from '@flotilla/rpc';
import { logger } from '@flotilla/telemetry';
import type { RateLimiterConfig } from './config.ts';
import { keepLedger } from './ledger/ledger.events.ts';
import { KeptLedger } from './ledger/kept-ledger.ts';
import type { Ledger } from './ledger/ledger.ts';
import type { LimitStore } from './limit-store.ts';
import { Limiter } from './limiter.ts';
import type { UsageSource } from './limits.rpc.ts';
import { RateLimiterModule } from './rate-limiter.module.ts';
import { MemoryLimitStore } from './store.memory.ts';
import { RedisLimitStore } from './store.redis.ts';
import { settleUsage } from './usage.events.ts';

export interface RateLimiterPorts {
  rpc: RpcNetwork;
  bus: Bus;
  clock?: Clock;
  random?: Random;
  /** Absent: Redis when the configuration names one, else memory. */
  store?: LimitStore;
  /**
   * Opens where the ledger is kept; tried again while it throws `unavailable`. Without it and `ledger` nothing is kept of what was used,
   * and periods count from nothing after a restart.
   */
  database?: () => Promise<Database>;
  /** In place of the one in the database. */
  ledger?: Ledger;
}

const log = logger('rate-limiter');

/** The rate limiter: it serves flotilla.limits.v1.Limits and settles what `usage.recorded` reports. */
export function createRateLimiter(config: RateLimiterConfig, ports: RateLimiterPorts): Service {
  const { clock = systemClock, random = systemRandom } = ports;
  const store = ports.store ?? openStore(config, clock, random);
  const kept = ports.database && new KeptLedger({ ...config, open: ports.database, clock });
  const ledger = ports.ledger ?? kept;
  const limiter = new Limiter({ store, clock, seed: ledger });
  const subscriptions: Subscription[] = [];
  return nestService({
    name: 'rate-limiter',
    module: RateLimiterModule.with(limiter, ledger ?? noLedger),
    rpc: ports.rpc,
    async onStart() {
      await kept?.start();
      await store.start();
      subscriptions.push(await settleUsage(ports.bus, limiter));
      if (ledger) subscriptions.push(await keepLedger(ports.bus, ledger));
    },
    ready: () => store.ready(),
    async onStop() {
      await Promise.all(subscriptions.splice(0).map((subscription) => subscription.close()));
      await kept?.stop();
      await store.close();
    },
  });
}

const noLedger: UsageSource = {
  usage: () => Promise.reject(new FlotillaError('unavailable', 'This rate limiter keeps no ledger.')),
};

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
