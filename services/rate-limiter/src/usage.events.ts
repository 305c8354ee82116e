import { usageRecorded, type Bus, type Subscription } from '@flotilla/bus';
import type { events } from '@flotilla/contracts';
import { toFlotillaError } from '@flotilla/kernel';
import { logger } from '@flotilla/telemetry';
import type { Limiter } from './limiter.ts';
import { settlementOf } from './wire.ts';

const log = logger('rate-limiter');

/**
 * Settles what the orchestrator reports, also when nobody called Settle. While the store is away the event comes again; one that comes
 * late charges only what has not leaked by now; one that names nobody is dropped: no repetition would make it better.
 */
export function settleUsage(bus: Bus, limiter: Limiter): Promise<Subscription> {
  return bus.subscribe(
    usageRecorded,
    async ({ records }) => {
      // All at once: the store takes them in one write. One that fails brings the whole event again, which settles nothing twice.
      await Promise.all(records.map((record) => settleOne(limiter, record)));
    },
    { consumer: 'rate-limiter' },
  );
}

async function settleOne(limiter: Limiter, record: events.UsageRecorded): Promise<void> {
  const { caller, usage, at, costMicros, leaseId, reservedTokens } = record;
  try {
    const lease = leaseId ? { id: leaseId, reservedTokens } : undefined;
    await limiter.settle(settlementOf(caller, usage, costMicros, lease), at > 0 ? at : undefined);
  } catch (error) {
    if (toFlotillaError(error).code !== 'invalid_request') throw error;
    log.error('usage of nobody was reported and dropped', { requestId: caller?.requestId });
  }
}
