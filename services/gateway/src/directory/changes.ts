import { type Database, type Queryable, sqlState } from '@flotilla/database';
import type { events } from '@flotilla/contracts';
import { FlotillaError, type Clock, type Random } from '@flotilla/kernel';
import { counter } from '@flotilla/telemetry';
import { appendAudit, type Deed } from './audit.ts';
import type { Actor } from './records.ts';

export interface ChangesOptions {
  readonly database: Database;
  readonly clock: Clock;
  readonly random: Random;
  /** Tells this replica and all others what to forget. Does not throw. */
  announce(event: events.KeysChanged): void;
}

const changes = counter({
  name: 'flotilla_gateway_directory_changes_total',
  description: 'Changes of organisations, users, keys and tiers, by action',
  unit: '{change}',
});

const uniqueViolation = '23505';

/** Makes a change and its row of the audit log in one transaction, then tells of it. */
export class Changes {
  constructor(readonly options: ChangesOptions) {}

  note(actor: Actor, deed: Deed): Promise<void> {
    changes.add(1, { action: deed.action });
    return appendAudit(this.options.database, actor, deed, this.options);
  }

  async make<T>(
    actor: Actor,
    event: Partial<events.KeysChanged>,
    run: (tx: Queryable) => Promise<[T, Deed]>,
  ): Promise<T> {
    const { database, announce } = this.options;
    const [result, { action }] = await database
      .transaction(async (tx) => {
        const done = await run(tx);
        await appendAudit(tx, actor, done[1], this.options);
        return done;
      })
      .catch((error: unknown) => {
        if (sqlState(error) !== uniqueViolation) throw error;
        throw new FlotillaError('in_the_way', 'There is one with this id already. Choose another.', {
          details: { param: 'id' },
          cause: error,
        });
      });
    changes.add(1, { action });
    announce({ keyId: '', orgId: '', ...event });
    return result;
  }
}
