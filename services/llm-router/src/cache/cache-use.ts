import type { router } from '@flotilla/contracts';
import { FlotillaError, type CacheConfig, type CacheRule } from '@flotilla/kernel';

export type CacheKind = 'exact' | 'semantic';

/** What the cache does for one request. */
export interface CacheUse {
  /** `semantic` includes `exact`. */
  readonly kind: CacheKind;
  /** Ask anew and keep that answer. */
  readonly refresh: boolean;
  /** Milliseconds until the answer is forgotten. */
  readonly ttlMs: number;
}

const requestable = ['', 'off', 'exact', 'semantic', 'refresh'];

/**
 * What the request wants, within what the file allows its organisation, tier and model. Undefined: nothing is looked for
 * and nothing kept. A request without an organisation has no cache: there is nobody whose answers they would be.
 */
export function cacheUse(
  config: CacheConfig,
  { cache, caller }: Pick<router.GenerateRequest, 'cache' | 'caller'>,
  model: string,
): CacheUse | undefined {
  if (!requestable.includes(cache)) {
    throw new FlotillaError('invalid_request', `'cache' is one of ${requestable.slice(1).join(', ')}.`, {
      details: { param: 'cache' },
    });
  }
  if (!caller?.orgId || cache === 'off') return undefined;
  // In the order in which they have a say.
  const rules = [own(config.orgs, caller.orgId), own(config.tiers, caller.tier), own(config.models, model)];
  const allowed = strongest(rules, config.allow);
  if (allowed === undefined) return undefined;
  const usual = first(rules, 'default') ?? config.default;
  const wanted = cache === '' ? usual : cache;
  if (wanted === 'off') return undefined;
  const kind = wanted === 'refresh' ? (usual === 'off' ? allowed : usual) : (wanted as CacheKind);
  return {
    kind: kind === 'semantic' ? allowed : 'exact',
    refresh: wanted === 'refresh',
    ttlMs: (first(rules, 'ttl_s') ?? config.ttl_s) * 1_000,
  };
}

type Rules = readonly (CacheRule | undefined)[];

/** The most that all rules allow which say something of it. */
function strongest(rules: Rules, otherwise: readonly CacheKind[]): CacheKind | undefined {
  const said = rules.flatMap((rule) => (rule?.allow ? [rule.allow] : []));
  const lists = said.length > 0 ? said : [otherwise];
  if (lists.some((list) => list.length === 0)) return undefined;
  return lists.every((list) => list.includes('semantic')) ? 'semantic' : 'exact';
}

function first<K extends 'default' | 'ttl_s'>(rules: Rules, field: K): CacheRule[K] {
  return rules.find((rule) => rule?.[field] !== undefined)?.[field];
}

/** Names come from clients: `constructor` is none of the file. */
function own(rules: Readonly<Record<string, CacheRule>>, name: string): CacheRule | undefined {
  return Object.hasOwn(rules, name) ? rules[name] : undefined;
}
