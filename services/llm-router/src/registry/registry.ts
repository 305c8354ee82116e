import {
  FlotillaError,
  readVariable,
  type Environment,
  type Live,
  type ModelConfig,
  type PlatformFile,
  type ProviderConfig,
} from '@flotilla/kernel';
import { logger } from '@flotilla/telemetry';
import type { EndpointDirectory } from '../endpoints/endpoint-directory.ts';
import type { Endpoint } from '../endpoints/endpoint.ts';
import { adapterFor } from '../providers/adapters.ts';
import { Target, type TimeLimits } from '../providers/target.ts';

const log = logger('llm-router');

interface Account {
  readonly key: string | undefined;
  readonly limits: TimeLimits;
}

/** Targets that stand for one line of a model's configuration, and its share of the requests. */
export interface Route {
  readonly weight: number;
  /** Of the model whose route it is: routes of one family have the same weights behind them. */
  readonly family?: string;
  readonly targets: readonly Target[];
}

/** Where the requests for one name may go. */
export interface Resolution {
  /** The model as the client calls it. */
  readonly name: string;
  /** What the configuration says of it; undefined when only an engine knows it. */
  readonly entry: ModelConfig | undefined;
  readonly capabilities: readonly string[];
  readonly routes: readonly Route[];
  /** In order, when no route answers. */
  readonly fallbacks: readonly Route[];
  /** In order, when the prompt is longer than the model's context window; absent: there are none. */
  readonly contextFallbacks?: readonly Route[];
  /** Whether the name stands in the configuration or was said by an engine: only such names become labels of metrics. */
  readonly listed: boolean;
}

/** Names resolved since the last change that are kept; more are resolved anew each time. */
const maxCached = 1_000;

/**
 * What a client calls a model → targets. In order: `models` of the file, a name some engine serves, `provider/model`,
 * the default provider. A change of the file or of the engines holds from the next request on.
 */
export class Registry {
  readonly #file: Live<PlatformFile>;
  readonly #directory: EndpointDirectory;
  readonly #env: Environment;
  readonly #limits: TimeLimits;
  readonly #onEndpoints: (endpoints: readonly Endpoint[]) => void;
  #seenFile: PlatformFile | undefined;
  #seenVersion = -1;
  #endpoints: readonly Endpoint[] = [];
  /** By provider. */
  #accounts = new Map<string, Account>();
  #resolved = new Map<string, Resolution>();

  constructor(
    file: Live<PlatformFile>,
    directory: EndpointDirectory,
    env: Environment,
    limits: TimeLimits,
    onEndpoints: (endpoints: readonly Endpoint[]) => void = () => undefined,
  ) {
    this.#file = file;
    this.#directory = directory;
    this.#env = env;
    this.#limits = limits;
    this.#onEndpoints = onEndpoints;
  }

  get file(): PlatformFile {
    return this.#file.current;
  }

  endpoints(): readonly Endpoint[] {
    this.#refresh();
    return this.#endpoints;
  }

  /** Throws `model_not_found`. */
  resolve(name: string): Resolution {
    this.#refresh();
    const known = this.#resolved.get(name);
    if (known) return known;
    const resolution = this.#configured(name) ?? this.#discovered(name) ?? this.#qualified(name) ?? this.#default(name);
    if (!resolution) {
      throw new FlotillaError('model_not_found', `There is no model ${JSON.stringify(name.slice(0, 200))}.`, {
        details: { param: 'model' },
      });
    }
    if (this.#resolved.size < maxCached) this.#resolved.set(name, resolution);
    return resolution;
  }

  #refresh(): void {
    if (this.#seenFile === this.#file.current && this.#seenVersion === this.#directory.version) return;
    this.#seenFile = this.#file.current;
    this.#seenVersion = this.#directory.version;
    this.#endpoints = this.#directory.list(this.#seenFile);
    this.#accounts = new Map(
      this.#seenFile.providers.map((provider) => [
        provider.name,
        { key: keyOf(provider, this.#env), limits: limitsOf(provider, this.#limits) },
      ]),
    );
    this.#resolved = new Map();
    this.#onEndpoints(this.#endpoints);
  }

  #configured(name: string): Resolution | undefined {
    const model = this.file.models.find((entry) => entry.name === name);
    if (!model) return undefined;
    return {
      name,
      entry: model,
      capabilities: model.capabilities,
      routes: model.targets.map((target) => ({
        weight: target.weight,
        targets: this.#targetsOf(target.provider, (endpoint) => modelOn(endpoint, target.model, model)),
      })),
      fallbacks: model.fallbacks.map((fallback) => this.#fallback(fallback)),
      listed: true,
    };
  }

  #fallback(text: string): Route {
    const [provider, model] = splitQualified(text);
    return {
      weight: 1,
      targets: this.#targetsOf(provider, (endpoint) => (takes(endpoint, model) ? model : undefined)),
    };
  }

  #discovered(name: string): Resolution | undefined {
    const serving = this.#endpoints.filter((endpoint) => serves(endpoint, name));
    if (serving.length === 0) return undefined;
    const capabilities = serving.flatMap((endpoint) => capabilitiesOn(endpoint, name));
    const targets = serving.map((endpoint) => this.#target(endpoint, name));
    return {
      name,
      entry: undefined,
      capabilities: [...new Set(capabilities)],
      routes: [{ weight: 1, targets }],
      fallbacks: [],
      listed: true,
    };
  }

  #qualified(name: string): Resolution | undefined {
    const [provider, model] = splitQualified(name);
    if (model === '' || !this.file.providers.some((entry) => entry.name === provider)) return undefined;
    const endpoints = this.#endpoints.filter((endpoint) => endpoint.facts.provider === provider);
    const targets = this.#targetsOf(provider, (endpoint) => (takes(endpoint, model) ? model : undefined));
    // An engine that is away may serve it; engines that are there and do not, settle it.
    if (targets.length === 0 && endpoints.length > 0 && endpoints.every((endpoint) => endpoint.facts.ready))
      return undefined;
    return {
      name,
      entry: undefined,
      capabilities: ['chat'],
      routes: [{ weight: 1, targets }],
      fallbacks: [],
      listed: false,
    };
  }

  #default(name: string): Resolution | undefined {
    const provider = this.file.default_provider;
    if (provider === undefined || name === '') return undefined;
    // Who names one provider does not want the prompt sent to another.
    const [named] = splitQualified(name);
    if (named !== name && this.file.providers.some((entry) => entry.name === named)) return undefined;
    const targets = this.#targetsOf(provider, (endpoint) => (takesAny(endpoint) ? name : undefined));
    if (targets.length === 0) return undefined;
    return {
      name,
      entry: undefined,
      capabilities: ['chat'],
      routes: [{ weight: 1, targets }],
      fallbacks: [],
      listed: false,
    };
  }

  #targetsOf(provider: string, model: (endpoint: Endpoint) => string | undefined): Target[] {
    const targets: Target[] = [];
    for (const endpoint of this.#endpoints) {
      if (endpoint.facts.provider !== provider) continue;
      const name = model(endpoint);
      if (name !== undefined) targets.push(this.#target(endpoint, name));
    }
    return targets;
  }

  #target(endpoint: Endpoint, model: string): Target {
    const { facts } = endpoint;
    const { key, limits } = this.#accounts.get(facts.provider) ?? { key: undefined, limits: this.#limits };
    return new Target({ endpoint, adapter: adapterFor(facts), model, key, limits });
  }
}

/** `openrouter/meta-llama/llama-3.1-8b` → the provider, and the rest as the provider calls it. */
function splitQualified(text: string): [provider: string, model: string] {
  const slash = text.indexOf('/');
  return slash < 0 ? [text, ''] : [text.slice(0, slash), text.slice(slash + 1)];
}

function limitsOf({ timeouts }: ProviderConfig, settings: TimeLimits): TimeLimits {
  return {
    connectTimeoutMs: timeouts?.connect_ms ?? settings.connectTimeoutMs,
    firstTokenTimeoutMs: timeouts?.first_token_ms ?? settings.firstTokenTimeoutMs,
    idleTimeoutMs: timeouts?.idle_ms ?? settings.idleTimeoutMs,
    totalTimeoutMs: timeouts?.total_ms ?? settings.totalTimeoutMs,
  };
}

function keyOf(provider: ProviderConfig, env: Environment): string | undefined {
  if (provider.api_key_env === undefined) return undefined;
  try {
    const key = readVariable(provider.api_key_env, env);
    if (key === undefined)
      log.warn('a provider has no key', { provider: provider.name, variable: provider.api_key_env });
    return key;
  } catch (error) {
    log.warn('a provider’s key cannot be read', { provider: provider.name, error });
    return undefined;
  }
}

/** Hosted providers and gateways list what they advertise, not all they take. */
function takesAny(endpoint: Endpoint): boolean {
  return endpoint.facts.kind === 'openai' || endpoint.facts.kind === 'openrouter';
}

function takes(endpoint: Endpoint, model: string): boolean {
  return takesAny(endpoint) || endpoint.facts.models.length === 0 || serves(endpoint, model);
}

/** Ollama lists `llama3:latest` for what everyone calls `llama3`. */
function serves(endpoint: Endpoint, name: string): boolean {
  return endpoint.facts.models.some(
    (model) => model.name === name || (endpoint.facts.kind === 'ollama' && model.name === `${name}:latest`),
  );
}

export function capabilitiesOn(endpoint: Endpoint, name: string): readonly string[] {
  const model = endpoint.facts.models.find((entry) => entry.name === name || entry.name === `${name}:latest`);
  if (model && model.capabilities.length > 0) return model.capabilities;
  return /embed/i.test(name) ? ['embeddings'] : ['chat'];
}

/** A target that names no model means the client's name where the engine knows it, else the one thing the engine serves. */
function modelOn(endpoint: Endpoint, wanted: string | undefined, model: ModelConfig): string | undefined {
  if (wanted !== undefined) return takes(endpoint, wanted) ? wanted : undefined;
  if (endpoint.facts.models.length === 0 || serves(endpoint, model.name)) return model.name;
  const capability = model.capabilities.includes('embeddings') ? 'embeddings' : 'chat';
  return endpoint.facts.models.find((entry) => capabilitiesOn(endpoint, entry.name).includes(capability))?.name;
}
