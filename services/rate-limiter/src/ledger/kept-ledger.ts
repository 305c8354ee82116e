import { migrate, type Database } from '@flotilla/database';
import type { Clock } from '@flotilla/kernel';
import type { Ledger } from './ledger.ts';
import { PostgresLedger } from './ledger.postgres.ts';
import { migrationsFolder } from './migrations.ts';
import { LedgerRetention } from './retention.ts';

/** A ledger with what keeps it: its tables and its retention. */
export interface KeptLedger extends Ledger {
  /** Makes its tables. */
  start(): Promise<void>;
  stop(): Promise<void>;
}

export interface LedgerConfig {
  readonly ledgerTimeoutMs: number;
  readonly quotaLogRetentionDays: number;
}

export function keptLedger(database: Database, config: LedgerConfig, clock: Clock): KeptLedger {
  const ledger = new PostgresLedger({ database, clock, timeoutMs: config.ledgerTimeoutMs });
  const retention = new LedgerRetention({ database, clock, days: config.quotaLogRetentionDays });
  return {
    record: (records) => ledger.record(records),
    usage: (request) => ledger.usage(request),
    used: (orgId, subjects) => ledger.used(orgId, subjects),
    async start() {
      await migrate(database, { schema: 'limits', folder: migrationsFolder });
      retention.start();
    },
    stop: () => retention.stop(),
  };
}
