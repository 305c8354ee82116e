import type { ModelConfig, ModelPrice, PersonaConfig } from '@flotilla/kernel';
import type { Endpoint } from '../endpoints/endpoint.ts';
import type { Target } from '../providers/target.ts';
import { hasReady, type Resolution, type Route } from './resolution.ts';
import { byVersion } from './versions.ts';
import { capabilitiesOn, modelOn, neverLists, offered, serves, splitQualified, takes, takesAny } from './serving.ts';
import type { Snapshot } from './snapshot.ts';

/** Models that one name may lead through by its fallbacks. */
const longestChain = 8;
const rolePrefix = 'role:';

interface Named {
  readonly entry: ModelConfig;
  /** The name is that of an adapter of it. */
  readonly adapter: boolean;
}

/**
 * Names under one snapshot and one set of engines. In order: the loopback alias and roles, `models` of the configuration
 * (names, aliases, adapters), the default provider where it never lists what it has, a name some engine serves (the default
 * provider's before others), `provider/model`, the default provider. The profile in force is held
 * against the name that is meant.
 */
export class Resolver {
  readonly #snapshot: Snapshot;
  readonly #endpoints: readonly Endpoint[];
  readonly #target: (endpoint: Endpoint, model: string, persona?: PersonaConfig) => Target;
  readonly #named = new Map<string, Named>();
  readonly #aliases = new Map<string, string>();

  constructor(
    snapshot: Snapshot,
    endpoints: readonly Endpoint[],
    target: (endpoint: Endpoint, model: string, persona?: PersonaConfig) => Target,
  ) {
    this.#snapshot = snapshot;
    this.#endpoints = endpoints;
    this.#target = target;
    for (const entry of snapshot.file.models) {
      this.#named.set(entry.name, { entry, adapter: false });
      for (const { name } of entry.adapters) this.#named.set(name, { entry, adapter: true });
      for (const alias of entry.aliases) this.#aliases.set(alias, entry.name);
    }
  }

  /** The model's own name for what a client calls it. What means nothing stands for itself. */
  meaning(asked: string): string {
    const { profile, file, loopbackAlias } = this.#snapshot;
    const name = asked === loopbackAlias ? (profile.model('chat', file.models) ?? this.#firstReady() ?? asked) : asked;
    const played = name.startsWith(rolePrefix)
      ? (profile.model(name.slice(rolePrefix.length), file.models) ?? name)
      : name;
    return this.#aliases.get(played) ?? played;
  }

  /** By the model's own name. Undefined: there is none, or it may not be asked for. */
  resolve(name: string, { testing = false } = {}): Resolution | undefined {
    if (this.refusal(name, { testing }) !== undefined) return undefined;
    return (
      this.#configured(name) ??
      this.#default(name, neverLists) ??
      this.#discovered(name) ??
      this.#qualified(name) ??
      this.#default(name, takesAny)
    );
  }

  /** Why a name that may well exist may not be asked for here; undefined: nothing speaks against it. */
  refusal(name: string, { testing = false } = {}): string | undefined {
    const { hidden, profile } = this.#snapshot;
    if (hidden.model.has(name)) return 'was taken out of service';
    const entry = this.#named.get(name)?.entry;
    return profile.refuses(name, entry && testing ? { ...entry, testing: false } : entry);
  }

  /** What may be asked for by name: what is configured, then what engines serve; each once. */
  names(): string[] {
    const served = this.#endpoints.flatMap(offered);
    const names = new Set([...this.#named.keys(), ...this.#aliases.keys(), ...served]);
    return [...names].filter((name) => this.refusal(this.#aliases.get(name) ?? name) === undefined);
  }

  /** The first chat model, as the list has them, with an engine that answers. */
  #firstReady(): string | undefined {
    return this.names()
      .filter((name) => !this.#aliases.has(name))
      .find((name) => {
        const resolution = this.resolve(name);
        return resolution?.capabilities.includes('chat') && hasReady(resolution.routes);
      });
  }

  #configured(name: string): Resolution | undefined {
    const named = this.#named.get(name);
    if (!named) return undefined;
    const { entry, adapter } = named;
    return {
      name,
      entry,
      adapter,
      capabilities: entry.capabilities,
      routes: this.#routes(named, name),
      fallbacks: this.#fallbacks(entry.fallbacks, entry, new Set([entry.name])),
      contextFallbacks: this.#fallbacks(entry.context_fallbacks, entry, new Set([entry.name])),
      listed: true,
    };
  }

  #routes({ entry, adapter }: Named, name: string): Route[] {
    return entry.targets.flatMap(({ provider, model, weight, price = priceOf(entry) }) =>
      byVersion({
        weight,
        targets: this.#targetsOf(provider, (endpoint) => {
          const base = modelOn(endpoint, model, entry);
          return adapter && base !== undefined ? adapterOn(endpoint, name) : base;
        }),
        // An adapter's weights are not the family's.
        ...{ price, entry, family: adapter ? undefined : entry.family },
      }),
    );
  }

  /** In depth: a fallback that is a model of the configuration brings its routes, and then its own fallbacks. */
  #fallbacks(texts: readonly string[], entry: ModelConfig, seen: Set<string>): Route[] {
    return texts.flatMap((text) => {
      const next = this.#named.get(this.#aliases.get(text) ?? text);
      if (!next) return [{ ...this.#qualifiedRoute(text), price: priceOf(entry) }];
      const name = this.#aliases.get(text) ?? text;
      if (seen.has(name) || seen.size >= longestChain || this.refusal(name) !== undefined) return [];
      seen.add(name);
      return [...this.#routes(next, name), ...this.#fallbacks(next.entry.fallbacks, next.entry, seen)];
    });
  }

  #qualifiedRoute(text: string): Route {
    const [provider, named] = splitQualified(text);
    const persona = this.#snapshot.file.providers
      .find((entry) => entry.name === provider)
      ?.personas?.find((entry) => entry.name === named);
    const model = persona?.model ?? named;
    return {
      weight: 1,
      targets: this.#targetsOf(provider, (endpoint) => (takes(endpoint, model) ? model : undefined), persona),
    };
  }

  #discovered(name: string): Resolution | undefined {
    const serving = this.#serving(name);
    if (serving.length === 0) return undefined;
    const capabilities = serving.flatMap((endpoint) => capabilitiesOn(endpoint, name));
    const targets = serving.map((endpoint) => this.#target(endpoint, name));
    return {
      name,
      entry: undefined,
      capabilities: [...new Set(capabilities)],
      routes: byVersion({ weight: 1, targets }),
      fallbacks: [],
      listed: true,
    };
  }

  /** The default provider where it has the name, else the platform's own engines, else what is hosted: who is asked is never left to chance. */
  #serving(name: string): Endpoint[] {
    const serving = this.#endpoints.filter((endpoint) => serves(endpoint, name));
    const ofDefault = serving.filter(({ facts }) => facts.provider === this.#snapshot.file.default_provider);
    if (ofDefault.length > 0) return ofDefault;
    const own = serving.filter((endpoint) => !takesAny(endpoint));
    return own.length > 0 ? own : serving;
  }

  #qualified(name: string): Resolution | undefined {
    const [provider, model] = splitQualified(name);
    if (model === '' || !this.#snapshot.file.providers.some((entry) => entry.name === provider)) return undefined;
    const endpoints = this.#endpoints.filter((endpoint) => endpoint.facts.provider === provider);
    const route = this.#qualifiedRoute(name);
    // An engine that is away may serve it; engines that are there and do not, settle it.
    if (route.targets.length === 0 && endpoints.length > 0 && endpoints.every((endpoint) => endpoint.facts.ready))
      return undefined;
    return unlisted(name, route);
  }

  #default(name: string, accepts: (endpoint: Endpoint) => boolean): Resolution | undefined {
    const { file, hidden } = this.#snapshot;
    const provider = file.default_provider;
    if (provider === undefined || name === '' || name.startsWith(rolePrefix)) return undefined;
    // Who names one provider does not want the prompt sent to another.
    const [named] = splitQualified(name);
    const ours = hidden.provider.has(named) || file.providers.some((entry) => entry.name === named);
    if (named !== name && ours) return undefined;
    const targets = this.#targetsOf(provider, (endpoint) => (accepts(endpoint) ? name : undefined));
    return targets.length === 0 ? undefined : unlisted(name, { weight: 1, targets });
  }

  #targetsOf(provider: string, model: (endpoint: Endpoint) => string | undefined, persona?: PersonaConfig): Target[] {
    const targets: Target[] = [];
    for (const endpoint of this.#endpoints) {
      if (endpoint.facts.provider !== provider) continue;
      const name = model(endpoint);
      if (name !== undefined) targets.push(this.#target(endpoint, name, persona));
    }
    return targets;
  }
}

/** What the configuration gives no price costs nothing. */
function priceOf({ price }: ModelConfig): ModelPrice {
  return price ?? { input: 0, output: 0 };
}

function adapterOn(endpoint: Endpoint, name: string): string | undefined {
  return takes(endpoint, name) ? name : undefined;
}

function unlisted(name: string, route: Route): Resolution {
  return { name, entry: undefined, capabilities: ['chat'], routes: [route], fallbacks: [], listed: false };
}
