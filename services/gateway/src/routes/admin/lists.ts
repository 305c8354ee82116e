import { z } from 'zod';
import type { Page } from '../../directory/records.ts';

export function listSchema<T extends z.ZodType>(item: T) {
  const id = z.string().nullable();
  const object = z.literal('list');
  return z.strictObject({ object, data: z.array(item), first_id: id, last_id: id, has_more: z.boolean() });
}

/** `last_id` is what to ask for as `after`. */
export function listObject<Item extends { id: string }, Shown>(
  { items, next }: Page<Item>,
  shape: (item: Item) => Shown,
) {
  const ends = { first_id: items[0]?.id ?? null, last_id: items.at(-1)?.id ?? null };
  return { object: 'list' as const, data: items.map(shape), ...ends, has_more: next !== undefined };
}

/** What was never many: all of it in one answer. */
export function wholeSchema<T extends z.ZodType>(item: T) {
  return z.strictObject({ object: z.literal('list'), data: z.array(item) });
}

export function wholeObject<Item, Shown>(items: readonly Item[], shape: (item: Item) => Shown) {
  return { object: 'list' as const, data: items.map(shape) };
}

export const deletedSchema = z
  .strictObject({ object: z.string(), id: z.string(), deleted: z.literal(true) })
  .meta({ id: 'Deleted' });

export function deletedObject(object: string, id: string): z.input<typeof deletedSchema> {
  return { object, id, deleted: true };
}
