import type { ExperimentConfig, MirrorConfig } from './experiments.ts';
import { namesOf, type ModelConfig } from './models.ts';
import type { ProfileConfig } from './profiles.ts';

/** The parts of the platform's file that name each other. */
export interface NamedParts {
  readonly providers: readonly { readonly name: string }[];
  readonly default_provider?: string | undefined;
  readonly models: readonly ModelConfig[];
  readonly profiles: Readonly<Record<string, ProfileConfig>>;
  readonly profile?: string | undefined;
  readonly experiments?: readonly ExperimentConfig[];
  readonly mirrors?: readonly MirrorConfig[];
}

/** The provider of the engines that the fleet runs in a cluster: there without being configured. */
export const fleetProvider = 'fleet';

/**
 * Every place where a part names another that is not there, or where two have one name: a sentence each; none when all is
 * well. A file without providers may name any: they are looked for on the machine. `found`: providers that were.
 */
export function brokenReferences(parts: NamedParts, found: readonly string[] = []): string[] {
  return [...twice(parts), ...unknownProviders(parts, found), ...unknownArms(parts, found), ...unknownProfile(parts)];
}

function twice({ providers, models }: NamedParts): string[] {
  const owners = new Map<string, string>();
  const mistakes: string[] = [];
  const take = (name: string, owner: string) => {
    const before = owners.get(name);
    if (before === undefined) owners.set(name, owner);
    else mistakes.push(`models: "${name}" is the name of ${before} and of ${owner}`);
  };
  for (const { name } of models) take(name, `the model "${name}"`);
  for (const model of models) {
    for (const alias of model.aliases) take(alias, `an alias of "${model.name}"`);
    for (const { name } of model.adapters) take(name, `an adapter of "${model.name}"`);
  }
  const names = providers.map(({ name }) => name);
  const repeated = new Set(names.filter((name, at) => names.indexOf(name) !== at));
  if (names.includes(fleetProvider)) {
    mistakes.push(`providers: "${fleetProvider}" is what the engines in the cluster are called: choose another name`);
  }
  return [...[...repeated].map((name) => `providers: "${name}" is there twice`), ...mistakes];
}

function unknownProviders({ providers, default_provider, models }: NamedParts, found: readonly string[]): string[] {
  const known = new Set([...providers.map(({ name }) => name), ...found]);
  if (known.size === 0) return [];
  known.add(fleetProvider);
  const names = new Set(models.flatMap(namesOf));
  const mistakes: string[] = [];
  if (default_provider !== undefined && !known.has(default_provider)) {
    mistakes.push(`default_provider: there is no provider "${default_provider}"`);
  }
  for (const { name, targets, fallbacks, context_fallbacks } of models) {
    for (const { provider } of targets) {
      if (!known.has(provider)) mistakes.push(`models.${name}.targets: there is no provider "${provider}"`);
    }
    for (const fallback of [...fallbacks, ...context_fallbacks]) {
      if (names.has(fallback) || known.has(fallback.split('/', 1)[0]!)) continue;
      mistakes.push(`models.${name}.fallbacks: "${fallback}" is neither a model nor begins with a provider’s name`);
    }
  }
  return mistakes;
}

function unknownArms(
  { providers, models, experiments = [], mirrors = [] }: NamedParts,
  found: readonly string[],
): string[] {
  const known = new Set([...providers.map(({ name }) => name), ...found]);
  if (known.size === 0) return [];
  known.add(fleetProvider);
  const names = new Set(models.flatMap(namesOf));
  const named = [
    ...experiments.flatMap(({ name, arms }) => arms.map((arm) => ({ where: `experiments.${name}`, model: arm.model }))),
    ...mirrors.map(({ name, to }) => ({ where: `mirrors.${name}`, model: to })),
  ];
  return named.flatMap(({ where, model }) => {
    if (model === undefined || names.has(model) || known.has(model.split('/', 1)[0]!)) return [];
    return [`${where}: "${model}" is neither a model nor begins with a provider’s name`];
  });
}

function unknownProfile({ profiles, profile }: NamedParts): string[] {
  if (profile === undefined || Object.hasOwn(profiles, profile)) return [];
  return [`profile: there is no profile "${profile}"`];
}
