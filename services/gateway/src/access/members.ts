import { FlotillaError, type Clock } from '@flotilla/kernel';
import type { KeyStore, Member } from './key-store.ts';
import { Remembered } from './remembered.ts';

/** Ids of users: what identity providers put into `sub`, such as `auth0|5f7c`. */
export const userIdPattern = /^[\x21-\x7e]{1,128}$/;

/** Throws `permission_denied` for whom an administrator shut out. */
export function refuseDisabled({ disabled }: Member): void {
  if (disabled !== undefined)
    throw new FlotillaError('permission_denied', `This ${disabled} is disabled. Ask its administrator.`);
}

/** Organisations and their users, as tokens name them. */
export class Members {
  readonly #remembered: Remembered<Member>;

  constructor(
    private readonly store: KeyStore,
    clock: Clock,
    size: number,
  ) {
    this.#remembered = new Remembered({ clock, size, unavailable: 'Tokens cannot be checked right now.' });
  }

  /** Undefined: there is no such organisation. */
  find(orgId: string, userId: string): Member | undefined | Promise<Member | undefined> {
    return this.#remembered.get(`${orgId}/${userId}`, () => this.store.findMember(orgId, userId));
  }

  /** With an empty id: all. */
  forget(orgId: string): void {
    this.#remembered.forget((member) => orgId === '' || member.orgId === orgId);
  }
}
