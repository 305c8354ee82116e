import { router } from '@flotilla/contracts';
import { abortable, FlotillaError, type Clock, type ModelPrice, type PersonaConfig } from '@flotilla/kernel';
import { counter, logger } from '@flotilla/telemetry';
import type { Watchdog } from './watchdog.ts';
import type { EngineClient } from './engine-client.ts';
import { ListCall } from './list-call.ts';
import { maxOffered } from './model-lists.ts';
import type { Target } from './target.ts';

const log = logger('llm-router');
/** Milliseconds before a provider that did not answer is asked again by itself. */
const retryMs = 10_000;
/** Providers whose lists are kept: more than a file ever names. */
const maxLists = 500;

const lists = counter({
  name: 'flotilla_router_catalogue_lists_total',
  description: 'Times that providers were asked what they offer',
  unit: '{list}',
});

/** What a provider offers, as it said last. */
export interface Offers {
  readonly models: router.OfferedModel[];
  /** Milliseconds since 1970; 0: never. */
  readonly listedAt: number;
  /** Why it could not be listed anew; empty: it could. */
  readonly problem: string;
}

interface Kept extends Offers {
  /** Where it was asked: another address is another provider under the same name. */
  readonly url: string;
  /** Monotonic: when it was asked last. */
  readonly askedAt: number;
  /** Without personas, by id. */
  readonly prices: ReadonlyMap<string, ModelPrice>;
}

export interface CatalogueParts {
  /** The way to a provider; undefined: there is none of the name. */
  readonly targetOf: (provider: string) => Target | undefined;
  readonly client: EngineClient;
  readonly watchdog: Watchdog;
  readonly clock: Clock;
  readonly settings: { readonly catalogueTtlMs: number; readonly catalogueTimeoutMs: number };
}

/**
 * What providers offer: asked of them when somebody wants to know, and kept for a time. When a provider does not answer, what
 * it said last stays, and `problem` says why it is not newer.
 */
export class Catalogue {
  readonly #parts: CatalogueParts;
  readonly #kept = new Map<string, Kept>();
  /** Lists under way: who asks for one meanwhile gets the same. */
  readonly #asking = new Map<string, Promise<Kept>>();

  constructor(parts: CatalogueParts) {
    this.#parts = parts;
  }

  /** Throws `not_found` for a provider that there is not, and what the signal says when it aborts. */
  async offers(
    provider: string,
    { refresh = false, signal }: { refresh?: boolean; signal: AbortSignal },
  ): Promise<Offers> {
    signal.throwIfAborted();
    const target = this.#parts.targetOf(provider);
    if (!target) {
      throw new FlotillaError('not_found', `There is no provider ${JSON.stringify(provider.slice(0, 100))}.`, {
        details: { param: 'provider' },
      });
    }
    const { models, listedAt, problem } = await this.#current(provider, target, refresh, signal);
    return { models: [...target.account.personas.map(asOffered), ...models].slice(0, maxOffered), listedAt, problem };
  }

  /** As the provider's last list has it; undefined: it does not say, or was not asked yet. */
  price(provider: string, model: string): ModelPrice | undefined {
    return this.#kept.get(provider)?.prices.get(model);
  }

  async #current(provider: string, target: Target, refresh: boolean, signal: AbortSignal): Promise<Offers> {
    const kept = this.#keptOf(provider, target);
    const { list } = target.adapter;
    if (!list || (list.wakes && !refresh)) return kept ?? { models: [], listedAt: 0, problem: '' };
    const { clock, settings } = this.#parts;
    const lasts = kept?.problem ? retryMs : settings.catalogueTtlMs;
    if (kept && !refresh && clock.monotonic() - kept.askedAt < lasts) return kept;
    // What others wait for too goes on when this caller leaves.
    return abortable(this.#ask(provider, target), signal);
  }

  #keptOf(provider: string, target: Target): Kept | undefined {
    const kept = this.#kept.get(provider);
    return kept?.url === target.endpoint.facts.baseUrl ? kept : undefined;
  }

  #ask(provider: string, target: Target): Promise<Kept> {
    const underWay = this.#asking.get(provider);
    if (underWay) return underWay;
    const asking = this.#list(provider, target).finally(() => this.#asking.delete(provider));
    this.#asking.set(provider, asking);
    return asking;
  }

  async #list(provider: string, target: Target): Promise<Kept> {
    const { client, watchdog, clock, settings } = this.#parts;
    const asked = { url: target.endpoint.facts.baseUrl, askedAt: clock.monotonic() };
    let kept: Kept;
    let outcome = 'answered';
    try {
      const models = await new ListCall(client, watchdog, target, asked.askedAt + settings.catalogueTimeoutMs).result;
      kept = { models, listedAt: clock.now(), problem: '', prices: pricesOf(models), ...asked };
    } catch (error) {
      outcome = 'failed';
      const problem = error instanceof FlotillaError ? error.message : 'Its list cannot be read.';
      log.warn('a provider does not say what it offers', { provider, problem });
      const {
        models = [],
        listedAt = 0,
        prices = new Map<string, ModelPrice>(),
      } = this.#keptOf(provider, target) ?? {};
      kept = { models, listedAt, problem, prices, ...asked };
    }
    lists.add(1, { provider, outcome });
    this.#keep(provider, kept);
    return kept;
  }

  #keep(provider: string, kept: Kept): void {
    this.#kept.delete(provider);
    this.#kept.set(provider, kept);
    if (this.#kept.size > maxLists) this.#kept.delete(this.#kept.keys().next().value!);
  }
}

function asOffered({ name, description }: PersonaConfig): router.OfferedModel {
  return router.OfferedModel.fromPartial({ id: name, name, description, capabilities: ['chat'], persona: true });
}

function pricesOf(models: readonly router.OfferedModel[]): Map<string, ModelPrice> {
  const priced = models.filter(({ inputPrice, outputPrice }) => inputPrice + outputPrice > 0);
  return new Map(priced.map(({ id, inputPrice, outputPrice }) => [id, { input: inputPrice, output: outputPrice }]));
}
