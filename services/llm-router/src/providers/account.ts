import { systemClock, type Clock, type Environment, type PersonaConfig, type ProviderConfig } from '@flotilla/kernel';
import { FurtherFields } from './parameters.ts';
import type { ProviderAdapter } from './provider.ts';
import { ProviderKey } from './provider-key.ts';
import type { TimeLimits } from './target.ts';

/** Milliseconds that a serverless worker may take to come up where the file does not say. */
const coldStartMs = 300_000;

/** What a provider's entry in the file comes to: who asks it, within which limits, with what added. */
export class Account {
  /** Undefined: an engine that the file does not name. */
  readonly provider: ProviderConfig | undefined;
  readonly limits: TimeLimits;
  /** Fields of every chat's body; undefined: none. */
  readonly body: FurtherFields | undefined;
  readonly coldStartMs: number;
  readonly #key: ProviderKey | undefined;
  readonly #headers: readonly string[];
  readonly #personas: ReadonlyMap<string, PersonaConfig>;

  constructor(provider: ProviderConfig | undefined, limits: TimeLimits, key?: ProviderKey) {
    this.provider = provider;
    this.limits = provider ? limitsOf(provider, limits) : limits;
    this.body = provider?.body && FurtherFields.of(provider.body);
    this.coldStartMs = provider?.cold_start_ms ?? coldStartMs;
    this.#key = key;
    this.#headers = Object.entries(provider?.headers ?? {}).flat();
    this.#personas = new Map(provider?.personas?.map((persona) => [persona.name, persona]));
  }

  get hasKey(): boolean {
    return this.#key?.current() !== undefined;
  }

  get personas(): readonly PersonaConfig[] {
    return this.provider?.personas ?? [];
  }

  persona(name: string): PersonaConfig | undefined {
    return this.#personas.get(name);
  }

  /** Header names and values in turn, a list of the caller's own. */
  headers(adapter: ProviderAdapter): string[] {
    return [...adapter.credentials(this, this.#key?.current()), ...this.#headers];
  }

  /** The text without the provider's key, or what engines show of it. */
  redact(text: string): string {
    return (this.#key?.redact(text) ?? text).replaceAll(/\b(sk|rk|key|rpa|gsk|hf)[-_][\w*.…-]{6,}/g, '…');
  }
}

/** The accounts of the providers in the file. */
export class Accounts {
  readonly #env: Environment;
  readonly #limits: TimeLimits;
  readonly #clock: Clock;
  readonly #unnamed: Account;
  #accounts = new Map<string, Account>();
  /** By provider and variable; those of the providers in the file. */
  #keys = new Map<string, ProviderKey>();

  constructor(env: Environment, limits: TimeLimits, clock: Clock = systemClock) {
    this.#env = env;
    this.#limits = limits;
    this.#clock = clock;
    this.#unnamed = new Account(undefined, limits);
  }

  /** These are the providers now. */
  take(providers: readonly ProviderConfig[]): void {
    const keys = new Map<string, ProviderKey>();
    this.#accounts = new Map();
    for (const provider of providers) {
      const { name, api_key_env: variable } = provider;
      let key: ProviderKey | undefined;
      if (variable !== undefined) {
        const place = `${name} ${variable}`;
        key = this.#keys.get(place) ?? new ProviderKey(name, variable, this.#env, this.#clock);
        keys.set(place, key);
      }
      this.#accounts.set(name, new Account(provider, this.#limits, key));
    }
    this.#keys = keys;
  }

  /** An engine of a provider that the file does not name has no key, and the router's own limits. */
  of(provider: string): Account {
    return this.#accounts.get(provider) ?? this.#unnamed;
  }
}

/** A worker that has to come up first has that time before its first token. */
function limitsOf({ timeouts, kind, cold_start_ms }: ProviderConfig, settings: TimeLimits): TimeLimits {
  const start = kind === 'runpod' ? (cold_start_ms ?? coldStartMs) : 0;
  return {
    connectTimeoutMs: timeouts?.connect_ms ?? settings.connectTimeoutMs,
    firstTokenTimeoutMs: (timeouts?.first_token_ms ?? settings.firstTokenTimeoutMs) + start,
    idleTimeoutMs: timeouts?.idle_ms ?? settings.idleTimeoutMs,
    totalTimeoutMs: timeouts?.total_ms ?? settings.totalTimeoutMs,
  };
}
