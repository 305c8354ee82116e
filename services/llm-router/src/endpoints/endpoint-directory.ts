import { providerUrl, type PlatformFile, type ProviderConfig } from '@flotilla/kernel';
import { Endpoint, type EndpointFacts } from './endpoint.ts';

/**
 * The engines there are: what the fleet told last, and for each configured provider the fleet says nothing of, the
 * address in the configuration, taken as ready until a request finds otherwise.
 */
export class EndpointDirectory {
  #engines: readonly EndpointFacts[] = [];
  #endpoints = new Map<string, Endpoint>();
  /** Grows when the registry has to look again; not for load figures. */
  version = 0;

  /** `zone`: where this router stands; undefined: anywhere. */
  constructor(private readonly zone: string | undefined = undefined) {}

  /** Takes the fleet's whole list. */
  update(engines: readonly EndpointFacts[]): void {
    const same =
      engines.length === this.#engines.length && engines.every((facts, i) => alike(facts, this.#engines[i]!));
    this.#engines = engines;
    if (!same) this.version += 1;
    for (const facts of engines) {
      const known = this.#endpoints.get(facts.id);
      if (known && identity(known.facts) === identity(facts)) known.facts = facts;
    }
  }

  /** Takes the whole list of one part of the fleet; what belongs to others stays. */
  updateScope(scope: string, engines: readonly EndpointFacts[]): void {
    this.update([...this.#engines.filter((engine) => (engine.scope ?? '') !== scope), ...engines]);
  }

  /** Takes what the fleet says of one engine, before it tells of all. */
  updateOne(engine: EndpointFacts): void {
    const known = this.#engines.some(({ id }) => id === engine.id);
    this.update(known ? this.#engines.map((one) => (one.id === engine.id ? engine : one)) : [...this.#engines, engine]);
  }

  /** Those whose engines the fleet told of. */
  providers(): string[] {
    return [...new Set(this.#engines.map((engine) => engine.provider))];
  }

  /**
   * The endpoints under this file, but for those of the providers `without`. One that stays keeps its counts; at most as
   * many are held as the two lists name.
   */
  list(file: PlatformFile, without: ReadonlySet<string> = new Set()): Endpoint[] {
    const providers = new Map(file.providers.map((provider) => [provider.name, provider]));
    const facts = this.#engines.filter(
      (engine) => !without.has(engine.provider) && !contradicts(engine, providers.get(engine.provider)),
    );
    const covered = new Set(facts.map((engine) => engine.provider));
    for (const provider of file.providers) {
      // A provider that is a process here lives only as the fleet says.
      if (!covered.has(provider.name) && !runsHere(provider)) facts.push(configured(provider));
    }
    const next = new Map<string, Endpoint>();
    for (const fact of facts) {
      const known = this.#endpoints.get(fact.id);
      const endpoint = known && identity(known.facts) === identity(fact) ? known : new Endpoint(fact);
      endpoint.facts = fact;
      const zone = fact.zone ?? providers.get(fact.provider)?.zone;
      endpoint.near = this.zone === undefined || zone === this.zone;
      endpoint.inRegion = endpoint.near || (zone !== undefined && regionOf(zone) === regionOf(this.zone!));
      next.set(fact.id, endpoint);
    }
    this.#endpoints = next;
    return [...next.values()];
  }
}

function runsHere({ kind, process, services }: ProviderConfig): boolean {
  return process !== undefined || (services !== undefined && kind !== 'ollama');
}

function configured(provider: ProviderConfig): EndpointFacts {
  return {
    id: `configured:${provider.name}`,
    provider: provider.name,
    kind: provider.kind,
    baseUrl: providerUrl(provider),
    ready: true,
    models: [],
    waiting: 0,
    since: 0,
  };
}

/** The file was changed and the fleet has not looked yet: the file is right. */
function contradicts(engine: EndpointFacts, provider: ProviderConfig | undefined): boolean {
  if (provider !== undefined && provider.kind !== engine.kind) return true;
  if (provider === undefined || (provider.base_url ?? provider.endpoint_id) === undefined) return false;
  return plainUrl(providerUrl(provider)) !== plainUrl(engine.baseUrl);
}

function plainUrl(url: string): string {
  return url.replace(/\/+$/, '').replace(/\/v1$/, '');
}

function identity(facts: EndpointFacts): string {
  return `${facts.id} ${facts.provider} ${facts.kind} ${facts.baseUrl}`;
}

function alike(a: EndpointFacts, b: EndpointFacts): boolean {
  return (
    identity(a) === identity(b) &&
    a.ready === b.ready &&
    a.group?.name === b.group?.name &&
    a.group?.share === b.group?.share &&
    a.zone === b.zone &&
    String(a.activatable) === String(b.activatable) &&
    a.models.length === b.models.length &&
    a.models.every(
      (model, i) =>
        model.name === b.models[i]!.name && String(model.capabilities) === String(b.models[i]!.capabilities),
    )
  );
}

/** `eu-west/a` is the zone a of the region eu-west; a zone without a slash is a region of its own. */
function regionOf(zone: string): string {
  return zone.split('/')[0]!;
}
