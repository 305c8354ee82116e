import { z } from 'zod';
import { FlotillaError } from '@flotilla/kernel';

export const overrideKinds = ['model', 'provider', 'setting'] as const;
export type OverrideKind = (typeof overrideKinds)[number];

/** What was set at run time over the platform's file. */
export interface Override {
  readonly kind: OverrideKind;
  readonly name: string;
  /** Of a model or provider: fields over those of the file's entry, `null` hides it. Of a setting: its value. */
  readonly definition: Json;
  /** Milliseconds since 1970. */
  readonly updatedAt: number;
  /** The key, or else the user, that set it. */
  readonly updatedBy: string;
}

export type Json = z.infer<ReturnType<typeof z.json>>;

export type OverrideKey = Pick<Override, 'kind' | 'name'>;

/** Overrides that may be set, all kinds together. */
export const mostOverrides = 1_000;
const longestName = 256;
/** Characters of a definition's JSON. */
const longestDefinition = 65_536;

const keySchema = z.object({ kind: z.enum(overrideKinds), name: z.string().min(1).max(longestName) });

/** Throws `invalid_request`. */
export function readOverrideKey(kind: string, name: string): OverrideKey {
  const result = keySchema.safeParse({ kind, name });
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const param = String(issue!.path[0]);
  throw new FlotillaError('invalid_request', `${param}: ${issue!.message}`, { details: { param } });
}

/** Throws `invalid_request`. */
export function readDefinition(json: string): Json {
  const details = { param: 'definition' };
  if (json.length > longestDefinition) {
    throw new FlotillaError('invalid_request', `A definition has at most ${longestDefinition} characters.`, {
      details,
    });
  }
  try {
    return JSON.parse(json) as Json;
  } catch (cause) {
    throw new FlotillaError('invalid_request', 'The definition is not valid JSON.', { details, cause });
  }
}

export function sameKey(one: OverrideKey, other: OverrideKey): boolean {
  return one.kind === other.kind && one.name === other.name;
}

/** The overrides with one put in the place of that of its kind and name, or at the end. */
export function withOverride(all: readonly Override[], one: Override): Override[] {
  return [...all.filter((other) => !sameKey(one, other)), one];
}
