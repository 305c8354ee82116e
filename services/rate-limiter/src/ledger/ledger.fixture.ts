import path from 'node:path';
import type { events } from '@flotilla/contracts';
import { migrate, type Database } from '@flotilla/database';
import { limitsMigrations } from './migrations.ts';

export const prismaSchema = path.join(limitsMigrations.folder, '../schema.prisma');

export type Record = events.UsageRecorded;

/** What one request used; a test names what it is about. */
export function record(
  requestId: string,
  {
    caller = {},
    usage = {},
    ...rest
  }: Partial<Omit<Record, 'caller' | 'usage'>> & { caller?: object; usage?: object } = {},
): Record {
  return {
    caller: { orgId: 'org-a', userId: 'user', keyId: 'key', tier: 'pro', models: [], requestId, ...caller },
    usage: { promptTokens: 10, completionTokens: 5, cachedTokens: 2, estimated: false, ...usage },
    ...{ model: 'm', provider: 'p', operation: 'chat', outcome: 'completed' },
    ...{ at: Date.UTC(2026, 10, 20, 12), costMicros: 1.5, reservedTokens: 100, leaseId: '', ...rest },
  };
}

/** Empty tables of the ledger. */
export async function prepareLedger(database: Database): Promise<void> {
  await migrate(database, limitsMigrations);
  await database.query('truncate limits.quota_log, limits.usage_daily');
}

const SUMS = `
sum(prompt_tokens)::float8 as prompt, sum(completion_tokens)::float8 as completion, sum(cached_tokens)::float8 as cached,
sum(cost_micros)::text as cost`;

/** The sums of both tables by all that they have in common: they are the same at any time. */
export async function bothSums(database: Database): Promise<{ log: object[]; daily: object[] }> {
  const by = 'org_id, day, model, key_id, user_id';
  const log = await database.query<object>(
    `select ${by}, count(*)::int as requests, ${SUMS}
     from (select *, (at at time zone 'UTC')::date as day from limits.quota_log) as q group by ${by} order by ${by}`,
  );
  const daily = await database.query<object>(
    `select ${by}, sum(requests)::int as requests, ${SUMS} from limits.usage_daily group by ${by} order by ${by}`,
  );
  return { log, daily };
}
