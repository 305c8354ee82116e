import { FlotillaError, type LimitSet, type TierConfig } from '@flotilla/kernel';
import type { Actor } from './records.ts';

/** What an administrator of one organisation may not do, so that it cannot give itself more than it was given. */

export function mustRunPlatform(actor: Actor): void {
  if (!actor.scopes.has('admin')) {
    throw new FlotillaError('permission_denied', "This needs a key with the scope 'admin'.");
  }
}

/** Another's organisation is told as one that does not exist. */
export function mustAdminister(actor: Actor, orgId: string): void {
  if (actor.scopes.has('admin')) return;
  if (!actor.scopes.has('org-admin')) {
    throw new FlotillaError('permission_denied', "This needs a key with the scope 'org-admin' or 'admin'.");
  }
  if (actor.orgId !== orgId) throw new FlotillaError('not_found', 'There is no such organisation.');
}

interface Grants {
  readonly scopes?: readonly string[] | undefined;
  readonly tier?: string | null | undefined;
  readonly limits?: LimitSet | undefined;
}

/** `standard`: what the organisation's tier says of those the limits are for. */
export function mayGrant(actor: Actor, { scopes, tier, limits }: Grants, standard: LimitSet): void {
  if (actor.scopes.has('admin')) return;
  if (scopes?.includes('admin')) deny('scopes', "Only a key with the scope 'admin' can grant it.");
  if (typeof tier === 'string') deny('tier', "The tier is set with a key of the scope 'admin'.");
  for (const [name, value] of Object.entries(limits ?? {})) {
    const most = standard[name as keyof LimitSet];
    if (most !== undefined && value !== undefined && value > most) {
      deny(`limits.${name}`, `The tier allows ${most}; more is set with a key of the scope 'admin'.`);
    }
  }
}

/** A key that runs the platform is changed by its like only: rotating it would hand it over. */
export function mayChangeKey(actor: Actor, key: { readonly scopes: readonly string[] }): void {
  if (key.scopes.includes('admin')) mustRunPlatform(actor);
}

/** What the tier says of a key, of a user, without what it says of others. */
export function keyLimits(tier: TierConfig | undefined): LimitSet {
  if (!tier) return {};
  const { user: _user, org: _org, default_max_tokens: _tokens, mode: _mode, priority: _priority, ...limits } = tier;
  return limits;
}

function deny(param: string, message: string): never {
  throw new FlotillaError('permission_denied', message, { details: { param } });
}
