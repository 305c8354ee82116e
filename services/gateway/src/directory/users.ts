import type { Queryable } from '@flotilla/database';
import { FlotillaError, type LimitSet } from '@flotilla/kernel';
import { parse } from '../http/parse.ts';
import { mayGrant, mustAdminister } from './authority.ts';
import type { Changes } from './changes.ts';
import { findOrg } from './orgs.ts';
import type { Actor, Page, User } from './records.ts';
import { pageOf, userOf, type UserRow } from './rows.ts';
import {
  newUserSchema,
  pageSchema,
  userChangeSchema,
  type NewUser,
  type PageQuery,
  type UserChange,
} from './schemas.ts';
import type { Tiers } from './tiers.ts';

export async function findUser(database: Queryable, orgId: string, id: string): Promise<User> {
  const [row] = await database.query<UserRow>('SELECT * FROM gateway.users WHERE org_id = $1 AND id = $2', [orgId, id]);
  if (!row) throw new FlotillaError('not_found', 'There is no such user.');
  return userOf(row);
}

export class Users {
  constructor(
    private readonly changes: Changes,
    private readonly tiers: Tiers,
  ) {}

  create(actor: Actor, orgId: string, input: NewUser): Promise<User> {
    mustAdminister(actor, orgId);
    const { id = this.changes.options.random.id('user_'), name, limits } = parse(newUserSchema, input);
    return this.changes.make(actor, { orgId }, async (tx) => {
      await this.#mayGrant(tx, actor, orgId, limits);
      const [row] = await tx.query<UserRow>(
        'INSERT INTO gateway.users (org_id, id, name, limits) VALUES ($1, $2, $3, $4) RETURNING *',
        [orgId, id, name, JSON.stringify(limits)],
      );
      return [userOf(row!), { action: 'user.create', target: { kind: 'user', id }, orgId, change: { name, limits } }];
    });
  }

  update(actor: Actor, orgId: string, id: string, input: UserChange): Promise<User> {
    mustAdminister(actor, orgId);
    const change = parse(userChangeSchema, input);
    return this.changes.make(actor, { orgId }, async (tx) => {
      const user = await findUser(tx, orgId, id);
      await this.#mayGrant(tx, actor, orgId, change.limits);
      const [row] = await tx.query<UserRow>(
        `UPDATE gateway.users SET name = $3, limits = $4,
           disabled_at = CASE WHEN $5::boolean THEN coalesce(disabled_at, now()) END
         WHERE org_id = $1 AND id = $2 RETURNING *`,
        [
          ...[orgId, id, change.name ?? user.name, JSON.stringify(change.limits ?? user.limits)],
          change.disabled ?? user.disabledAt !== null,
        ],
      );
      const action = change.disabled === true ? 'user.disable' : 'user.update';
      return [userOf(row!), { action, target: { kind: 'user', id }, orgId, change }];
    });
  }

  async get(actor: Actor, orgId: string, id: string): Promise<User> {
    mustAdminister(actor, orgId);
    return findUser(this.changes.options.database, orgId, id);
  }

  /** By id. */
  async list(actor: Actor, orgId: string, query: PageQuery): Promise<Page<User>> {
    mustAdminister(actor, orgId);
    const { limit, after } = parse(pageSchema, query);
    const rows = await this.changes.options.database.query<UserRow>(
      'SELECT * FROM gateway.users WHERE org_id = $1 AND id > $2 ORDER BY id LIMIT $3',
      [orgId, after ?? '', limit + 1],
    );
    return pageOf(rows, limit, userOf);
  }

  async #mayGrant(tx: Queryable, actor: Actor, orgId: string, limits: LimitSet | undefined): Promise<void> {
    const { tier } = await findOrg(tx, orgId);
    mayGrant(actor, { limits }, (await this.tiers.find(tx, tier))?.user ?? {});
  }
}
