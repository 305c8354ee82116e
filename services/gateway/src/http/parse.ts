import { FlotillaError } from '@flotilla/kernel';
import type { z } from 'zod';

/** A value by a zod schema, for routes that are not hot. Throws `invalid_request` with the path of the first problem. */
export function parse<S extends z.ZodType>(schema: S, value: unknown): z.infer<S> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const unknown = issue?.code === 'unrecognized_keys' ? issue.keys.slice(0, 1) : [];
  const param = pathOf([...(issue?.path ?? []), ...unknown]);
  const where = param === '' ? 'the body' : `'${param}'`;
  throw new FlotillaError('invalid_request', `Invalid ${where}: ${issue?.message ?? 'not as expected'}.`, {
    details: { param },
  });
}

/** `file_ids[2].name` */
function pathOf(path: readonly PropertyKey[]): string {
  let text = '';
  for (const part of path) text += typeof part === 'number' ? `[${part}]` : `${text === '' ? '' : '.'}${String(part)}`;
  return text;
}
