import { FlotillaError, type Environment, type Live, type PersonaConfig, type PlatformFile } from '@flotilla/kernel';
import type { RouterConfig } from '../config.ts';
import type { EndpointDirectory } from '../endpoints/endpoint-directory.ts';
import type { Endpoint } from '../endpoints/endpoint.ts';
import { Accounts } from '../providers/account.ts';
import { adapterFor } from '../providers/adapters.ts';
import { Target, type TimeLimits } from '../providers/target.ts';
import { layOver } from './layers.ts';
import { shownNames } from './model-list.ts';
import { nearNames } from './near-names.ts';
import type { Override } from './override.ts';
import { Profile } from './profile.ts';
import { registryMetrics } from './registry.metrics.ts';
import { Resolver } from './resolver.ts';
import type { Resolution } from './resolution.ts';
import type { registrySettings } from './settings.ts';
import type { Snapshot } from './snapshot.ts';

export type { Resolution, Route } from './resolution.ts';

export type RegistrySettings = TimeLimits & Pick<RouterConfig, keyof typeof registrySettings>;

/** Names resolved since the last change that are kept; more are resolved anew each time. */
const maxCached = 1_000;

/**
 * What a client calls a model → targets. It stands on three layers: the platform's file, what was set at run time over it,
 * and the engines as they are. A change of any of them holds from the next request on, as a whole or not at all: layers that
 * do not fit together leave the last ones that did in force, and `problem` says why.
 */
export class Registry {
  readonly #file: Live<PlatformFile>;
  readonly #directory: EndpointDirectory;
  readonly #accounts: Accounts;
  readonly #settings: RegistrySettings;
  readonly #onEndpoints: (endpoints: readonly Endpoint[]) => void;
  #overrides: readonly Override[] = [];
  #seen: { file?: PlatformFile; overrides?: readonly Override[]; version: number } = { version: -1 };
  #snapshot: Snapshot;
  #problem: string | undefined;
  #endpoints: readonly Endpoint[] = [];
  #resolver!: Resolver;
  #resolved = new Map<string, Resolution>();
  /** The names of the list, once they are asked for. */
  #shown: readonly string[] | undefined;

  /** Throws when the file names no profile that the settings ask for. */
  constructor(
    file: Live<PlatformFile>,
    directory: EndpointDirectory,
    env: Environment,
    settings: RegistrySettings,
    onEndpoints: (endpoints: readonly Endpoint[]) => void = () => undefined,
  ) {
    this.#file = file;
    this.#directory = directory;
    this.#accounts = new Accounts(env, settings);
    this.#settings = settings;
    this.#onEndpoints = onEndpoints;
    this.#snapshot = this.#lay(this.#overrides);
    this.#refresh();
  }

  /** What is in force: the file with what was set at run time over it. */
  get file(): PlatformFile {
    return this.snapshot.file;
  }

  get snapshot(): Snapshot {
    this.#refresh();
    return this.#snapshot;
  }

  /** Why the newest layers are not in force; undefined: they are. */
  get problem(): string | undefined {
    this.#refresh();
    return this.#problem ?? this.#file.problem;
  }

  /** Whether lists show models whose weights or provider are not there, whoever asks. */
  get showsNonInstalled(): boolean {
    return this.#settings.includeNonInstalled;
  }

  endpoints(): readonly Endpoint[] {
    this.#refresh();
    return this.#endpoints;
  }

  hasKey(provider: string): boolean {
    this.#refresh();
    return this.#accounts.of(provider).hasKey;
  }

  /** Why a name that may well be known is not served; undefined: nothing speaks against it. */
  refusal(name: string): string | undefined {
    this.#refresh();
    return this.#resolver.refusal(this.#resolver.meaning(name));
  }

  /** Throws `invalid_request` when the file would not be valid with these over it. */
  check(overrides: readonly Override[]): void {
    this.#lay(overrides);
  }

  fits(overrides: readonly Override[]): boolean {
    try {
      this.#lay(overrides);
      return true;
    } catch {
      return false;
    }
  }

  /** What is set at run time from now on, all of it. */
  override(overrides: readonly Override[]): void {
    this.#overrides = overrides;
    this.#refresh();
  }

  /** Throws `model_not_found`. */
  resolve(name: string): Resolution {
    const resolution = this.find(name);
    if (resolution) return resolution;
    throw this.#unknown(name);
  }

  /** `testing`: also a model for tests that may not be asked for. Undefined: there is none, or it may not be asked for. */
  find(name: string, { testing = false } = {}): Resolution | undefined {
    this.#refresh();
    const known = this.#resolved.get(name);
    if (known) return known;
    const meant = this.#resolver.meaning(name);
    if (testing && this.#resolver.refusal(meant) !== undefined) return this.#resolver.resolve(meant, { testing });
    const resolution = this.#resolved.get(meant) ?? this.#resolver.resolve(meant);
    if (!resolution) return undefined;
    for (const key of new Set([name, meant])) {
      if (this.#resolved.size < maxCached) this.#resolved.set(key, resolution);
    }
    return resolution;
  }

  /** The way to a provider itself, to ask what it offers. Undefined: there is none. */
  provider(name: string): Target | undefined {
    this.#refresh();
    const endpoints = this.#endpoints.filter((endpoint) => endpoint.facts.provider === name);
    const endpoint = endpoints.find(({ facts }) => facts.ready) ?? endpoints[0];
    return endpoint && this.#target(endpoint, '');
  }

  #refresh(): void {
    const { file, overrides, version } = this.#seen;
    const sameLayers = file === this.#file.current && overrides === this.#overrides;
    if (sameLayers && version === this.#directory.version) return;
    this.#seen = { file: this.#file.current, overrides: this.#overrides, version: this.#directory.version };
    // Engines that were found may be what was missing.
    if (!sameLayers || this.#problem !== undefined) this.#takeLayers();
    this.#endpoints = this.#directory.list(this.#snapshot.file, this.#snapshot.hidden.provider);
    this.#accounts.take(this.#snapshot.file.providers);
    this.#resolver = new Resolver(this.#snapshot, this.#endpoints, (endpoint, model, persona) =>
      this.#target(endpoint, model, persona),
    );
    this.#resolved = new Map();
    this.#shown = undefined;
    this.#onEndpoints(this.#endpoints);
  }

  #takeLayers(): void {
    try {
      this.#snapshot = this.#lay(this.#overrides);
      this.#problem = undefined;
      registryMetrics.taken();
    } catch (error) {
      const problem = error instanceof Error ? error.message : String(error);
      if (problem !== this.#problem) registryMetrics.refused(problem);
      this.#problem = problem;
    }
  }

  #lay(overrides: readonly Override[]): Snapshot {
    const { profile, loopbackAlias, includeTestModels } = this.#settings;
    const file = this.#file.current;
    // The fleet looks for engines on the machine only where the file names no provider.
    const layers = layOver(file, overrides, file.providers.length === 0 ? this.#directory.providers() : []);
    const overridden = overrides.some((override) => override.kind === 'setting' && override.name === 'profile');
    const setting = overridden ? undefined : profile;
    return { ...layers, profile: new Profile(layers.file, setting, includeTestModels), loopbackAlias };
  }

  #unknown(name: string): FlotillaError {
    const shown = (text: string) => JSON.stringify(text.slice(0, 200));
    const refused = this.refusal(name);
    const near = refused === undefined ? nearNames(name, (this.#shown ??= shownNames(this))) : [];
    const text = [
      refused === undefined ? `There is no model ${shown(name)}.` : `The model ${shown(name)} ${refused}.`,
      ...(near.length > 0 ? [`Did you mean ${near.map(shown).join(' or ')}?`] : []),
      'GET /v1/models lists those there are.',
    ];
    return new FlotillaError('model_not_found', text.join(' '), { details: { param: 'model' } });
  }

  #target(endpoint: Endpoint, model: string, persona?: PersonaConfig): Target {
    const account = this.#accounts.of(endpoint.facts.provider);
    return new Target({ endpoint, adapter: adapterFor(endpoint.facts, account), model, account, persona });
  }
}
