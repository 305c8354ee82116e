import { FlotillaError } from '@flotilla/kernel';
import type { Queryable } from '@flotilla/database';
import { parse } from '../http/parse.ts';
import { mayGrant, mustAdminister, mustRunPlatform } from './authority.ts';
import type { Changes } from './changes.ts';
import type { Actor, Org, Page } from './records.ts';
import { orgOf, pageOf, type OrgRow } from './rows.ts';
import { newOrgSchema, orgChangeSchema, pageSchema, type NewOrg, type OrgChange, type PageQuery } from './schemas.ts';
import type { Tiers } from './tiers.ts';

export async function findOrg(database: Queryable, id: string): Promise<Org> {
  const [row] = await database.query<OrgRow>('SELECT * FROM gateway.organisations WHERE id = $1', [id]);
  if (!row) throw new FlotillaError('not_found', 'There is no such organisation.');
  return orgOf(row);
}

export class Orgs {
  constructor(
    private readonly changes: Changes,
    private readonly tiers: Tiers,
  ) {}

  create(actor: Actor, input: NewOrg): Promise<Org> {
    mustRunPlatform(actor);
    const { id = this.changes.options.random.id('org_'), name, tier, limits } = parse(newOrgSchema, input);
    return this.changes.make(actor, { orgId: id }, async (tx) => {
      await this.tiers.need(tx, tier);
      const [row] = await tx.query<OrgRow>(
        'INSERT INTO gateway.organisations (id, name, tier, limits) VALUES ($1, $2, $3, $4) RETURNING *',
        [id, name, tier, JSON.stringify(limits)],
      );
      const change = { name, tier, limits };
      return [orgOf(row!), { action: 'org.create', target: { kind: 'org', id }, orgId: id, change }];
    });
  }

  update(actor: Actor, id: string, input: OrgChange): Promise<Org> {
    mustAdminister(actor, id);
    const change = parse(orgChangeSchema, input);
    if (change.limits !== undefined || change.disabled !== undefined) mustRunPlatform(actor);
    mayGrant(actor, change, {});
    return this.changes.make(actor, { orgId: id }, async (tx) => {
      const org = await findOrg(tx, id);
      if (change.tier !== undefined) await this.tiers.need(tx, change.tier);
      const [row] = await tx.query<OrgRow>(
        `UPDATE gateway.organisations SET name = $2, tier = $3, limits = $4,
           disabled_at = CASE WHEN $5::boolean THEN coalesce(disabled_at, now()) END
         WHERE id = $1 RETURNING *`,
        [
          ...[id, change.name ?? org.name, change.tier ?? org.tier, JSON.stringify(change.limits ?? org.limits)],
          change.disabled ?? org.disabledAt !== null,
        ],
      );
      const action = change.disabled === true ? 'org.disable' : 'org.update';
      return [orgOf(row!), { action, target: { kind: 'org', id }, orgId: id, change }];
    });
  }

  async get(actor: Actor, id: string): Promise<Org> {
    mustAdminister(actor, id);
    return findOrg(this.changes.options.database, id);
  }

  /** By id. An administrator of one organisation sees that one. */
  async list(actor: Actor, query: PageQuery): Promise<Page<Org>> {
    if (!actor.scopes.has('admin')) return { items: [await this.get(actor, actor.orgId)], next: undefined };
    const { limit, after } = parse(pageSchema, query);
    const rows = await this.changes.options.database.query<OrgRow>(
      'SELECT * FROM gateway.organisations WHERE id > $1 ORDER BY id LIMIT $2',
      [after ?? '', limit + 1],
    );
    return pageOf(rows, limit, orgOf);
  }
}
