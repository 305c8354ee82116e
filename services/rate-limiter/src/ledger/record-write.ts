import type { events } from '@flotilla/contracts';
import { DAY_MS } from '../calendar.ts';
import { ledgerText } from './ledger-text.ts';

const TEXTS = 'org_id, request_id, user_id, key_id, tier, model, provider, operation, outcome';
const FIGURES = 'prompt_tokens, completion_tokens, cached_tokens, reserved_tokens, cost_micros, estimated';
const GROUP = 'org_id, day, model, key_id, user_id';

/**
 * The log decides what is new; the sums take only that, in the same statement. Of two with one request id the first is
 * written. Rows go in one order, so that two writers never wait for each other in a circle.
 */
export const WRITE_RECORDS = `
with fresh as (
  insert into limits.quota_log (${TEXTS}, ${FIGURES}, at)
  select ${TEXTS}, ${FIGURES}, to_timestamp(at / 1000)
  from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[],
    $10::bigint[], $11::bigint[], $12::bigint[], $13::bigint[], $14::float8[], $15::boolean[], $16::float8[])
    with ordinality as r(${TEXTS}, ${FIGURES}, at, place)
  order by org_id, request_id, place
  on conflict do nothing
  returning org_id, (at at time zone 'UTC')::date as day, model, key_id, user_id,
    prompt_tokens, completion_tokens, cached_tokens, cost_micros
), summed as (
  insert into limits.usage_daily as d (${GROUP}, requests, prompt_tokens, completion_tokens, cached_tokens, cost_micros)
  select ${GROUP}, count(*), sum(prompt_tokens), sum(completion_tokens), sum(cached_tokens), sum(cost_micros)
  from fresh group by ${GROUP} order by ${GROUP}
  on conflict (${GROUP}) do update set
    requests = d.requests + excluded.requests,
    prompt_tokens = d.prompt_tokens + excluded.prompt_tokens,
    completion_tokens = d.completion_tokens + excluded.completion_tokens,
    cached_tokens = d.cached_tokens + excluded.cached_tokens,
    cost_micros = d.cost_micros + excluded.cost_micros
)
select count(*)::int as requests, coalesce(sum(prompt_tokens), 0)::float8 as prompt,
  coalesce(sum(completion_tokens), 0)::float8 as completion, coalesce(sum(cached_tokens), 0)::float8 as cached,
  coalesce(sum(cost_micros), 0)::float8 as cost_micros
from fresh`;

/** What WRITE_RECORDS answers: the sums of what was new. */
export interface Written {
  requests: number;
  prompt: number;
  completion: number;
  cached: number;
  cost_micros: number;
}

/** A billion USD: what is above is no price, and would not fit its column. */
const HIGHEST_COST = 1e15;

type Record = events.UsageRecorded;

/** Whether it names whom it is of; no repetition would make another better. */
export function namesItsRequest({ caller }: Record): boolean {
  return caller !== undefined && caller.orgId !== '' && caller.requestId !== '';
}

/** When it was used, ms since 1970; a time that cannot be is that of its arrival. */
export function timeOf({ at }: Record, now: number): number {
  return at > 0 && at < now + DAY_MS ? at : now;
}

/** Their columns, as WRITE_RECORDS takes them. Each must name its request. */
export function recordColumns(records: readonly Record[], now: number): unknown[][] {
  const of = (value: (record: Record) => unknown) => records.map(value);
  return [
    of(({ caller }) => ledgerText(caller!.orgId)),
    of(({ caller }) => ledgerText(caller!.requestId)),
    of(({ caller }) => ledgerText(caller!.userId)),
    of(({ caller }) => ledgerText(caller!.keyId)),
    of(({ caller }) => ledgerText(caller!.tier)),
    of(({ model }) => ledgerText(model)),
    of(({ provider }) => ledgerText(provider)),
    of(({ operation }) => ledgerText(operation || 'chat')),
    of(({ outcome }) => ledgerText(outcome)),
    of(({ usage }) => usage?.promptTokens ?? 0),
    of(({ usage }) => usage?.completionTokens ?? 0),
    of(({ usage }) => usage?.cachedTokens ?? 0),
    of(({ reservedTokens }) => reservedTokens),
    of(({ costMicros }) => (costMicros > 0 ? Math.min(costMicros, HIGHEST_COST) : 0)),
    of(({ usage }) => usage?.estimated ?? false),
    of((record) => timeOf(record, now)),
  ];
}
