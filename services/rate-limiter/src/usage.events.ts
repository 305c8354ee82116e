import { usageRecorded, type Bus, type Subscription } from '@flotilla/bus';
import type { Limiter } from './limiter.ts';
import { required, tokensOf } from './limits.rpc.ts';

/**
 * Settles what the orchestrator reports, also when nobody called Settle. A store that is away makes the event come again; an event that
 * comes late charges only what has not leaked by now.
 */
export function settleUsage(bus: Bus, limiter: Limiter): Promise<Subscription> {
  return bus.subscribe(
    usageRecorded,
    async ({ caller, usage, at }) => {
      await limiter.settle(required(caller), tokensOf(usage), at);
    },
    { consumer: 'rate-limiter' },
  );
}
