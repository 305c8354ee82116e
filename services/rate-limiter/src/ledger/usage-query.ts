import type { limits } from '@flotilla/contracts';
import { FlotillaError } from '@flotilla/kernel';
import { DAY_MS } from '../calendar.ts';
import { ledgerText } from './ledger-text.ts';

/** Sums in one answer, at most. */
export const MOST_SUMS = 10_000;

/** What sums may be grouped by: the field of the request, its column, and the column as it is answered. */
const groupings = {
  day: { column: 'day', shown: 'day::text' },
  model: { column: 'model', shown: 'model' },
  key: { column: 'key_id', shown: 'key_id' },
  user: { column: 'user_id', shown: 'user_id' },
} as const;
type Grouping = keyof typeof groupings;

/** The last day of the year 9999. */
const LAST_DAY_MS = 253_402_214_400_000;

/** One statement; always of one organisation. */
export function usageQuery(request: limits.GetUsageRequest, now: number): { sql: string; parameters: unknown[] } {
  const { orgId, userId, keyId, groupBy } = request;
  if (orgId === '') throw new FlotillaError('invalid_request', 'Name the organisation whose usage you ask for.');
  const by = (Object.keys(groupings) as Grouping[]).filter((name) => groupBy.includes(name));
  const unknown = groupBy.find((name) => !Object.hasOwn(groupings, name));
  if (unknown !== undefined) {
    const message = `Usage is grouped by ${Object.keys(groupings).join(', ')}, not by '${ledgerText(unknown)}'.`;
    throw new FlotillaError('invalid_request', message, { details: { param: 'group_by' } });
  }
  const shown = (name: Grouping) => (by.includes(name) ? groupings[name].shown : `''`);
  const columns = by.map((name) => groupings[name].column).join(', ');
  const sql = `
select ${shown('day')} as day, ${shown('model')} as model, ${shown('key')} as key_id, ${shown('user')} as user_id,
  coalesce(sum(requests), 0)::float8 as requests, coalesce(sum(prompt_tokens), 0)::float8 as prompt_tokens,
  coalesce(sum(completion_tokens), 0)::float8 as completion_tokens, coalesce(sum(cached_tokens), 0)::float8 as cached_tokens,
  coalesce(sum(cost_micros), 0)::float8 as cost_micros
from limits.usage_daily
where org_id = $1 and day between $2::date and $3::date and ($4 = '' or user_id = $4) and ($5 = '' or key_id = $5)
${by.length > 0 ? `group by ${columns} order by ${columns}` : ''}
limit ${MOST_SUMS + 1}`;
  const from = dayOf(request.from, 'from');
  // Absent: until now.
  const to = dayOf(request.to === 0 ? now : request.to, 'to');
  return { sql, parameters: [ledgerText(orgId), from, to, ledgerText(userId), ledgerText(keyId)] };
}

/** The day of UTC, e.g. 2026-11-21. */
export function utcDay(at: number): string {
  return new Date(Math.floor(at / DAY_MS) * DAY_MS).toISOString().slice(0, 10);
}

function dayOf(at: number, param: string): string {
  if (at >= 0 && at < LAST_DAY_MS + DAY_MS) return utcDay(at);
  const message = `${param} must be a time of the years 1970 to 9999, in milliseconds since 1970.`;
  throw new FlotillaError('invalid_request', message, { details: { param } });
}

export interface SumRow {
  day: string;
  model: string;
  key_id: string;
  user_id: string;
  requests: number;
  prompt_tokens: number;
  completion_tokens: number;
  cached_tokens: number;
  cost_micros: number;
}

export function usageAnswer(rows: readonly SumRow[]): limits.GetUsageResponse {
  const sums = rows.slice(0, MOST_SUMS).map((row) => ({
    ...{ day: row.day, model: row.model, keyId: row.key_id, userId: row.user_id, requests: row.requests },
    ...{ promptTokens: row.prompt_tokens, completionTokens: row.completion_tokens, cachedTokens: row.cached_tokens },
    costMicros: row.cost_micros,
  }));
  return { sums, truncated: rows.length > MOST_SUMS };
}
