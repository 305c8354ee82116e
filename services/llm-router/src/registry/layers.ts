import { z } from 'zod';
import {
  brokenReferences,
  FlotillaError,
  modelSchema,
  namesOf,
  platformFileSchema,
  providerSchema,
  type ModelConfig,
  type PlatformFile,
} from '@flotilla/kernel';
import type { Json, Override, OverrideKind } from './override.ts';

/** The platform's file with what was set at run time laid over it. */
export interface Layers {
  /** As if all of it stood in the file. */
  readonly file: PlatformFile;
  /** Names of entries that were set at run time, as a whole or in part. */
  readonly overridden: Readonly<Record<'model' | 'provider', ReadonlySet<string>>>;
  /** Names that were set to `null`: nothing has them, whoever serves them. */
  readonly hidden: Readonly<Record<'model' | 'provider', ReadonlySet<string>>>;
}

const settings: Readonly<Record<string, z.ZodType<string | undefined>>> = {
  default_provider: platformFileSchema.shape.default_provider,
  profile: platformFileSchema.shape.profile,
};

/**
 * Lays the overrides over the file and holds the whole against the schema and against itself. `found`: providers that were
 * found on the machine. Throws one `invalid_request` that names every mistake; the file alone was checked where it was read.
 */
export function layOver(file: PlatformFile, overrides: readonly Override[], found: readonly string[]): Layers {
  const mistakes: string[] = [];
  const of = (kind: OverrideKind) => overrides.filter((override) => override.kind === kind);
  mistakes.push(...of('provider').flatMap((override) => notForProviders(file, override)));
  const models = merged('models', modelSchema, file.models, of('model'), mistakes);
  const providers = merged('providers', providerSchema, file.providers, of('provider'), mistakes);
  const whole = { ...file, models, providers, ...settingsOf(of('setting'), mistakes) };
  if (overrides.length > 0) mistakes.push(...brokenReferences(whole, found));
  if (mistakes.length > 0) {
    throw new FlotillaError('invalid_request', `The registry would not be valid: ${mistakes.join('; ')}.`, {
      details: { param: 'definition' },
    });
  }
  return {
    file: overrides.length > 0 ? whole : file,
    overridden: { model: overriddenNames(of('model')), provider: overriddenNames(of('provider')) },
    hidden: {
      model: hiddenNames(file.models, models, of('model').filter(hides)),
      provider: overriddenNames(of('provider').filter(hides)),
    },
  };
}

/** Entries of the file in their order, those with an override merged, then the new ones. */
function merged<T extends { readonly name: string }>(
  section: string,
  schema: z.ZodType<T>,
  entries: readonly T[],
  overrides: readonly Override[],
  mistakes: string[],
): T[] {
  const byName = new Map(entries.map((entry) => [entry.name, entry]));
  for (const { name, definition } of overrides) {
    if (definition === null) {
      byName.delete(name);
      continue;
    }
    const result = schema.safeParse(mergedFields(byName.get(name), name, definition));
    if (!result.success) {
      mistakes.push(
        ...result.error.issues.map(({ path, message }) => `${[section, name, ...path].join('.')}: ${message}`),
      );
    } else if (result.data.name !== name) {
      mistakes.push(`${section}.${name}.name: it is set as "${name}" and cannot call itself "${result.data.name}"`);
    } else byName.set(name, result.data);
  }
  return [...byName.values()];
}

/** Field by field, as a JSON merge patch does at its top (RFC 7396): `null` takes a field away. */
function mergedFields(entry: object | undefined, name: string, definition: Json): unknown {
  if (typeof definition !== 'object' || definition === null || Array.isArray(definition)) return definition;
  const fields = Object.entries({ ...entry, name, ...definition });
  return Object.fromEntries(fields.filter(([, value]) => value !== null));
}

function settingsOf(overrides: readonly Override[], mistakes: string[]): Partial<PlatformFile> {
  const values: Record<string, string | undefined> = {};
  for (const { name, definition } of overrides) {
    const schema = Object.hasOwn(settings, name) ? settings[name] : undefined;
    const result = schema?.safeParse(definition ?? undefined);
    if (result?.success) values[name] = result.data;
    else {
      const known = `There are: ${Object.keys(settings).join(', ')}`;
      mistakes.push(schema ? `${name}: a name, or null for none` : `there is no setting "${name}". ${known}`);
    }
  }
  return values;
}

/** Names of hidden models, also their aliases and adapters: nobody else is asked for them, but for a model that took one over. */
function hiddenNames(before: readonly ModelConfig[], after: readonly ModelConfig[], hidden: readonly Override[]) {
  const names = overriddenNames(hidden);
  const gone = before.filter(({ name }) => names.has(name)).flatMap(namesOf);
  const taken = new Set(after.flatMap(namesOf));
  return new Set([...names, ...gone].filter((name) => !taken.has(name)));
}

/** Fields that the fleet controller reads, which follows the file alone. */
const fleetFields = ['process', 'services', 'on_demand'];

/**
 * What may not be said of a provider at run time. A key’s variable is one that the file names, or is named like one: whoever
 * may set providers could send any other variable of the process to an address of their choice.
 */
function notForProviders({ providers }: PlatformFile, { name, definition }: Override): string[] {
  if (typeof definition !== 'object' || definition === null || Array.isArray(definition)) return [];
  const mistakes = fleetFields
    .filter((field) => definition[field] != null)
    .map((field) => `providers.${name}.${field}: the fleet follows the file alone, so it can only be set there`);
  const variable = definition['api_key_env'];
  const named = providers.some((provider) => provider.api_key_env === variable);
  if (typeof variable === 'string' && !named && !/^(?!FLOTILLA_)\w+_API_KEY$/.test(variable)) {
    mistakes.push(`providers.${name}.api_key_env: a variable that the file does not name has to end with _API_KEY`);
  }
  return mistakes;
}

const hides = ({ definition }: Override) => definition === null;
const overriddenNames = (overrides: readonly Override[]) => new Set(overrides.map(({ name }) => name));
