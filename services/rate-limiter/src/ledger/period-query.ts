import { windowsOf } from '../calendar.ts';
import { ledgerText } from './ledger-text.ts';
import type { PeriodUsage } from './ledger.ts';
import { utcDay } from './usage-query.ts';

const columns = { key: 'key_id', user: 'user_id', org: 'org_id' } as const;
export const subjectKinds = Object.keys(columns) as (keyof typeof columns)[];

/** Of one kind of subject: $1 the organisation, $2 their ids, $3 today, $4 this week's Monday, $5 the first of the month. */
export function periodQuery(kind: keyof typeof columns): string {
  const column = columns[kind];
  const tokens = 'prompt_tokens + completion_tokens';
  return `
select ${column} as id,
  coalesce(sum(requests) filter (where day = $3::date), 0)::float8 as day_requests,
  coalesce(sum(${tokens}) filter (where day >= $4::date), 0)::float8 as week_tokens,
  coalesce(sum(${tokens}) filter (where day >= $5::date), 0)::float8 as month_tokens,
  coalesce(sum(cost_micros) filter (where day >= $5::date), 0)::float8 as month_cost_micros
from limits.usage_daily
where org_id = $1 and ${column} = any($2::text[]) and day between least($4::date, $5::date) and $3::date
group by ${column}`;
}

export function periodParameters(orgId: string, ids: readonly string[], now: number): unknown[] {
  const { dayStart, weekStart, monthStart } = windowsOf(now);
  return [ledgerText(orgId), ids.map(ledgerText), utcDay(dayStart), utcDay(weekStart), utcDay(monthStart)];
}

export interface PeriodRow {
  id: string;
  day_requests: number;
  week_tokens: number;
  month_tokens: number;
  month_cost_micros: number;
}

export function periodUsage(row: PeriodRow | undefined): PeriodUsage {
  return {
    ...{ dayRequests: row?.day_requests ?? 0, weekTokens: row?.week_tokens ?? 0 },
    ...{ monthTokens: row?.month_tokens ?? 0, monthCostMicros: row?.month_cost_micros ?? 0 },
  };
}
