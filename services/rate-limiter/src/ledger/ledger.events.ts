import { usageRecorded, type Bus, type Subscription } from '@flotilla/bus';
import type { Ledger } from './ledger.ts';

/**
 * Writes what the orchestrator reports. A consumer of its own: while the database is away its events come again, and reservations
 * go on being settled by the limiter's.
 */
export function keepLedger(bus: Bus, ledger: Ledger): Promise<Subscription> {
  return bus.subscribe(usageRecorded, ({ records }) => ledger.record(records), { consumer: 'ledger' });
}
