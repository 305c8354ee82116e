import type { limits } from '@flotilla/contracts';
import type { Clock } from '@flotilla/kernel';
import { z } from 'zod';
import { invalid } from '../../chat/invalid.ts';
import { csv } from '../admin/csv.ts';

const dayMs = 86_400_000;
/** Days that a report covers when it is not told where to begin. */
const usualDays = 30;

const dimensions = ['day', 'model', 'key', 'user'] as const;
export type Dimension = (typeof dimensions)[number];

/** What a report can be asked for; see `/v1/usage` and `/admin/api/usage`. */
export function reportQuery(groups: readonly Dimension[]) {
  return z.strictObject({
    from: z.iso.date().optional().describe(`The first day, in UTC. Absent: ${usualDays} days before the last.`),
    to: z.iso.date().optional().describe('The last day, in UTC, itself included. Absent: today.'),
    group_by: z
      .string()
      .transform((text) => [...new Set(text.split(',').filter((part) => part !== ''))])
      .pipe(z.array(z.enum(groups)))
      .prefault('day')
      .describe(`Any of ${groups.join(', ')}, by commas; empty: one sum.`),
    format: z.enum(['json', 'csv']).optional().describe('Absent: as the header `accept` says.'),
  });
}

const count = z.number().nonnegative();
const amounts = {
  requests: count,
  prompt_tokens: count,
  completion_tokens: count,
  cached_tokens: count.describe('Of the prompt tokens, those an engine had in its cache.'),
  total_tokens: count,
  cost_usd: count.describe('By the prices of the models at the time, to a millionth.'),
};

const usageRowSchema = z
  .strictObject({
    day: z.iso.date().optional(),
    model: z.string().optional(),
    key: z.string().optional(),
    user: z.string().optional(),
    ...amounts,
  })
  .meta({ id: 'UsageRow', description: 'A sum. Of day, model, key and user it has those it was grouped by.' });

export const reportFields = {
  object: z.literal('usage'),
  from: z.iso.date(),
  to: z.iso.date(),
  group_by: z.array(z.enum(dimensions)),
  data: z.array(usageRowSchema),
  total: z.strictObject(amounts).describe('Of the sums that are told.'),
  truncated: z.boolean().describe('True: there are more sums than a report holds; ask for fewer days or groups.'),
};

export const reportSchema = z.strictObject(reportFields);
export type Report = z.output<typeof reportSchema>;
type Row = Report['data'][number];
type Amounts = Report['total'];

/** Milliseconds since 1970 of the first and of the last day. Throws `invalid_request` when the one is after the other. */
export function daysOf(
  query: { from?: string | undefined; to?: string | undefined },
  clock: Clock,
): { from: number; to: number } {
  const today = Math.floor(clock.now() / dayMs) * dayMs;
  const to = query.to === undefined ? today : Date.parse(query.to);
  const from = query.from === undefined ? to - usualDays * dayMs : Date.parse(query.from);
  if (from > to) throw invalid('from', `Invalid 'from': ${dayText(from)} is after 'to', ${dayText(to)}.`);
  return { from, to };
}

const dayText = (ms: number) => new Date(ms).toISOString().slice(0, 10);

/** What the ledger answered, as clients see it. */
export function reportOf(
  days: { from: number; to: number },
  by: readonly Dimension[],
  answer: limits.GetUsageResponse,
): Report {
  const data = answer.sums.map((sum) => rowOf(sum, by));
  return {
    ...{ object: 'usage', from: dayText(days.from), to: dayText(days.to), group_by: [...by], data },
    ...{ total: totalOf(answer.sums), truncated: answer.truncated },
  };
}

/** The rows alone, as CSV; the total is theirs to sum. What is not whole is refused: nothing in a table could say so. */
export function reportCsv({ group_by: by, data, truncated }: Report): string {
  if (truncated) throw invalid('group_by', `There are more than ${data.length} rows. Ask for fewer days or groups.`);
  return csv([...by, ...Object.keys(amounts)], data);
}

function rowOf(sum: limits.UsageSum, by: readonly Dimension[]): Row {
  const groups: Readonly<Record<Dimension, string>> = {
    day: sum.day,
    model: sum.model,
    key: sum.keyId,
    user: sum.userId,
  };
  return { ...Object.fromEntries(by.map((dimension) => [dimension, groups[dimension]])), ...amountsOf(sum) };
}

function amountsOf(sum: Omit<limits.UsageSum, 'day' | 'model' | 'keyId' | 'userId'>): Amounts {
  return {
    ...{ requests: sum.requests, prompt_tokens: sum.promptTokens, completion_tokens: sum.completionTokens },
    ...{ cached_tokens: sum.cachedTokens, total_tokens: sum.promptTokens + sum.completionTokens },
    cost_usd: Math.round(sum.costMicros) / 1e6,
  };
}

function totalOf(sums: readonly limits.UsageSum[]): Amounts {
  const total = { requests: 0, promptTokens: 0, completionTokens: 0, cachedTokens: 0, costMicros: 0 };
  for (const sum of sums) {
    total.requests += sum.requests;
    total.promptTokens += sum.promptTokens;
    total.completionTokens += sum.completionTokens;
    total.cachedTokens += sum.cachedTokens;
    total.costMicros += sum.costMicros;
  }
  return amountsOf(total);
}
