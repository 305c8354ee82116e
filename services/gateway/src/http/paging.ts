import { z } from 'zod';
import { parse } from './parse.ts';

/** OpenAI's cursors: `after` and `before` are ids; 20 items unless asked for 1 to 100. */
const pageSchema = z.object({
  limit: z.coerce.number().int().min(1).max(100).default(20),
  order: z.enum(['asc', 'desc']).default('desc'),
  after: z.string().optional(),
  before: z.string().optional(),
});

/** One page of a list by creation time, newest first unless asked otherwise, in OpenAI's list shape. */
export function page<T extends { id: string; createdAt: number }>(
  items: readonly T[],
  query: unknown,
  shape: (item: T) => object,
): object {
  const { limit, order, after, before } = parse(pageSchema, query ?? {});
  const sign = order === 'asc' ? 1 : -1;
  const sorted = [...items].sort((a, b) => sign * (a.createdAt - b.createdAt || (a.id < b.id ? -1 : 1)));
  const from = after === undefined ? 0 : sorted.findIndex(({ id }) => id === after) + 1;
  const found = before === undefined ? -1 : sorted.findIndex(({ id }) => id === before);
  const to = found < 0 ? sorted.length : found;
  const shown = sorted.slice(from, Math.min(from + limit, to));
  return {
    object: 'list',
    data: shown.map(shape),
    first_id: shown[0]?.id ?? null,
    last_id: shown.at(-1)?.id ?? null,
    has_more: from + shown.length < to,
  };
}
