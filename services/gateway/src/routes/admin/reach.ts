import { FlotillaError } from '@flotilla/kernel';
import type { Identity } from '../../access/identity.ts';

export function noSuch(what: string, id: string): FlotillaError {
  return new FlotillaError('not_found', `There is no ${what} '${id.slice(0, 128)}'.`);
}

export const isPlatformAdmin = ({ scopes }: Identity) => scopes.has('admin');

/** Throws `not_found` for another organisation, unless an admin of the platform asks: that it exists is not theirs to know. */
export function checkOrg(identity: Identity, orgId: string): void {
  if (!isPlatformAdmin(identity) && orgId !== identity.orgId) throw noSuch('organisation', orgId);
}

/** The organisation that a path or a query names, whatever the route. */
export function checkReach(identity: Identity, { params, query }: { params: Named; query: Named }): void {
  for (const { org } of [params, query]) if (typeof org === 'string') checkOrg(identity, org);
}

interface Named {
  readonly org?: unknown;
}
