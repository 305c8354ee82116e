import type { Queryable } from '@flotilla/database';
import { FlotillaError, within, type Clock } from '@flotilla/kernel';
import type { RouterDatabase } from '../router-database.ts';
import type { Check, OverrideStore } from './override-store.ts';
import { overrideKinds, sameKey, withOverride, type Json, type Override, type OverrideKey } from './override.ts';

interface Row {
  readonly kind: string;
  readonly name: string;
  readonly definition: Json;
  readonly updated_at: Date;
  readonly updated_by: string;
}

export interface DatabaseOverrideStoreOptions {
  readonly database: Pick<RouterDatabase, 'query' | 'transaction'>;
  readonly clock: Clock;
  /** Milliseconds that one call may take. */
  readonly timeoutMs: number;
}

/** Overrides in the table `router.overrides`. */
export class DatabaseOverrideStore implements OverrideStore {
  readonly #options: DatabaseOverrideStoreOptions;

  constructor(options: DatabaseOverrideStoreOptions) {
    this.#options = options;
  }

  list(): Promise<Override[]> {
    return this.#inTime(read(this.#options.database));
  }

  put(override: Override, check: Check): Promise<Override[]> {
    const { kind, name, definition, updatedAt, updatedBy } = override;
    return this.#alone(async (tx) => {
      const all = await read(tx);
      check(withOverride(all, override), all);
      await tx.query(
        `insert into router.overrides (kind, name, definition, updated_at, updated_by) values ($1, $2, $3::jsonb, $4, $5)
         on conflict (kind, name) do update
         set definition = excluded.definition, updated_at = excluded.updated_at, updated_by = excluded.updated_by`,
        [kind, name, JSON.stringify(definition), new Date(updatedAt), updatedBy],
      );
      return read(tx);
    });
  }

  remove(key: OverrideKey, check: Check): Promise<Override[] | undefined> {
    return this.#alone(async (tx) => {
      const all = await read(tx);
      const rest = all.filter((one) => !sameKey(one, key));
      if (rest.length === all.length) return undefined;
      check(rest, all);
      await tx.query('delete from router.overrides where kind = $1 and name = $2', [key.kind, key.name]);
      return rest;
    });
  }

  /** One writer at a time, of all routers: each checks the whole against what the one before it wrote. */
  #alone<T>(run: (tx: Queryable) => Promise<T>): Promise<T> {
    const { database, timeoutMs } = this.#options;
    const transaction = database.transaction(
      async (tx) => {
        await tx.query(`select pg_advisory_xact_lock(hashtext('flotilla router overrides'))`, []);
        return run(tx);
      },
      { statementTimeoutMs: timeoutMs },
    );
    return this.#inTime(transaction);
  }

  #inTime<T>(promise: Promise<T>): Promise<T> {
    const { clock, timeoutMs } = this.#options;
    const text = 'The database did not answer in time. Look what is set before you try again.';
    return within(clock, timeoutMs, promise, () => new FlotillaError('unavailable', text));
  }
}

async function read(from: Queryable): Promise<Override[]> {
  const rows = await from.query<Row>(
    'select kind, name, definition, updated_at, updated_by from router.overrides order by updated_at, kind, name',
    [],
  );
  return rows.flatMap(({ kind, name, definition, updated_at, updated_by }) => {
    const known = overrideKinds.find((one) => one === kind);
    // A later release may know more kinds.
    if (!known) return [];
    return [{ kind: known, name, definition, updatedAt: updated_at.getTime(), updatedBy: updated_by }];
  });
}
