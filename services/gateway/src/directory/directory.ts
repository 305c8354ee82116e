import type { Live, PlatformFile } from '@flotilla/kernel';
import { parse } from '../http/parse.ts';
import { readAudit, type Deed } from './audit.ts';
import { mustAdminister, mustRunPlatform } from './authority.ts';
import { Changes, type ChangesOptions } from './changes.ts';
import { Keys } from './keys.ts';
import { Orgs } from './orgs.ts';
import type { Actor, AuditEntry, CreatedKey, Key, Org, Page, Tier, User } from './records.ts';
import { pageOf } from './rows.ts';
import { pageSchema } from './schemas.ts';
import type * as input from './schemas.ts';
import type { Secrets } from './secrets.ts';
import { Tiers } from './tiers.ts';
import { Users } from './users.ts';

export interface DirectoryOptions extends ChangesOptions {
  readonly file: Live<PlatformFile>;
  readonly secrets: Secrets;
}

/**
 * Organisations, users, keys and tiers: the one place that changes them. Each change and its row of the audit log are one
 * transaction; then every replica is told. All methods check their input (`invalid_request`) and what the actor may do
 * (`permission_denied`; another's organisation is `not_found`), and throw `unavailable` while the database is away.
 */
export class Directory {
  readonly #changes: Changes;
  readonly #tiers: Tiers;
  readonly #orgs: Orgs;
  readonly #users: Users;
  readonly #keys: Keys;

  constructor({ file, secrets, ...options }: DirectoryOptions) {
    this.#changes = new Changes(options);
    this.#tiers = new Tiers(this.#changes, file);
    this.#orgs = new Orgs(this.#changes, this.#tiers);
    this.#users = new Users(this.#changes, this.#tiers);
    this.#keys = new Keys(this.#changes, this.#tiers, secrets);
  }

  /** Puts in the log what was changed in another service. */
  async note(actor: Actor, deed: Deed): Promise<void> {
    await this.#changes.note(actor, deed);
  }

  async createOrg(actor: Actor, org: input.NewOrg): Promise<Org> {
    return this.#orgs.create(actor, org);
  }
  async updateOrg(actor: Actor, id: string, change: input.OrgChange): Promise<Org> {
    return this.#orgs.update(actor, id, change);
  }
  /** Every credential of it is refused from now on; `updateOrg` with `disabled: false` lets them in again. */
  async disableOrg(actor: Actor, id: string): Promise<Org> {
    return this.#orgs.update(actor, id, { disabled: true });
  }
  getOrg(actor: Actor, id: string): Promise<Org> {
    return this.#orgs.get(actor, id);
  }
  listOrgs(actor: Actor, page: input.PageQuery = {}): Promise<Page<Org>> {
    return this.#orgs.list(actor, page);
  }

  async createUser(actor: Actor, orgId: string, user: input.NewUser): Promise<User> {
    return this.#users.create(actor, orgId, user);
  }
  async updateUser(actor: Actor, orgId: string, id: string, change: input.UserChange): Promise<User> {
    return this.#users.update(actor, orgId, id, change);
  }
  async disableUser(actor: Actor, orgId: string, id: string): Promise<User> {
    return this.#users.update(actor, orgId, id, { disabled: true });
  }
  getUser(actor: Actor, orgId: string, id: string): Promise<User> {
    return this.#users.get(actor, orgId, id);
  }
  listUsers(actor: Actor, orgId: string, page: input.PageQuery = {}): Promise<Page<User>> {
    return this.#users.list(actor, orgId, page);
  }

  /** The answer holds the key itself, which is nowhere else. */
  async createKey(actor: Actor, orgId: string, key: input.NewKey): Promise<CreatedKey> {
    return this.#keys.create(actor, orgId, key);
  }
  async updateKey(actor: Actor, orgId: string, id: string, change: input.KeyChange): Promise<Key> {
    return this.#keys.update(actor, orgId, id, change);
  }
  async rotateKey(actor: Actor, orgId: string, id: string, rotation: input.Rotation = {}): Promise<CreatedKey> {
    return this.#keys.rotate(actor, orgId, id, rotation);
  }
  async revokeKey(actor: Actor, orgId: string, id: string): Promise<Key> {
    return this.#keys.revoke(actor, orgId, id);
  }
  getKey(actor: Actor, orgId: string, id: string): Promise<Key> {
    return this.#keys.get(actor, orgId, id);
  }
  /** A key by its id alone: of any organisation for who runs the platform, else of the actor's own. */
  findKey(actor: Actor, id: string): Promise<Key> {
    return this.#keys.findAnywhere(actor, id);
  }
  listKeys(actor: Actor, orgId: string, page: input.PageQuery = {}): Promise<Page<Key>> {
    return this.#keys.list(actor, orgId, page);
  }

  listTiers(actor: Actor): Promise<Tier[]> {
    return this.#tiers.list(actor);
  }
  async putTier(actor: Actor, tier: input.TierInput): Promise<Tier> {
    return this.#tiers.put(actor, tier);
  }
  async deleteTier(actor: Actor, name: string): Promise<void> {
    return this.#tiers.remove(actor, name);
  }

  /** The newest first. `orgId` undefined: the whole log, for who runs the platform. */
  async listAudit(actor: Actor, orgId: string | undefined, page: input.PageQuery = {}): Promise<Page<AuditEntry>> {
    if (orgId === undefined) mustRunPlatform(actor);
    else mustAdminister(actor, orgId);
    const { limit, after } = parse(pageSchema, page);
    const entries = await readAudit(this.#changes.options.database, orgId, limit + 1, after);
    return pageOf(entries, limit, (entry) => entry);
  }
}
