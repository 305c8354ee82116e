import type { router } from '@flotilla/contracts';
import { describeRegistry } from './describe.ts';
import type { Override } from './override.ts';
import type { Overrides } from './overrides.ts';
import { listProviders } from './providers.ts';
import type { Registry } from './registry.ts';

/** What a provider offers, as it was listed last. */
export interface Offers {
  readonly models: router.OfferedModel[];
  /** Milliseconds since 1970. */
  readonly listedAt: number;
  /** Why it could not be listed anew; empty: it could. */
  readonly problem: string;
}

export interface RegistryAdminParts {
  readonly registry: Registry;
  readonly overrides: Overrides;
  offers(provider: string, options: { refresh: boolean; signal: AbortSignal }): Promise<Offers>;
  /** Forgets kept answers of an organisation, of a model; empty: of all. Returns how many. */
  purge(which: { orgId: string; model: string }): Promise<number>;
}

/** What people may see of the registry and change in it at run time. */
export class RegistryAdmin {
  readonly #parts: RegistryAdminParts;

  constructor(parts: RegistryAdminParts) {
    this.#parts = parts;
  }

  /** All without what they offer, or one with it; none when it is not known. */
  async listProviders(name: string, refresh: boolean, signal: AbortSignal): Promise<router.ProviderList> {
    const { registry, offers } = this.#parts;
    const all = listProviders(registry);
    if (name === '') return { providers: all };
    const one = all.find((provider) => provider.name === name);
    if (!one) return { providers: [] };
    return { providers: [{ ...one, ...(await offers(name, { refresh, signal })) }] };
  }

  async describe(): Promise<object> {
    const { registry, overrides } = this.#parts;
    return describeRegistry(registry, await overrides.list());
  }

  overrides(): Promise<readonly Override[]> {
    return this.#parts.overrides.list();
  }

  set(kind: string, name: string, definitionJson: string, updatedBy: string): Promise<Override> {
    return this.#parts.overrides.set(kind, name, definitionJson, updatedBy);
  }

  delete(kind: string, name: string): Promise<boolean> {
    return this.#parts.overrides.delete(kind, name);
  }

  purge(orgId: string, model: string): Promise<number> {
    return this.#parts.purge({ orgId, model });
  }
}
