import type { Queryable } from '@flotilla/database';
import { FlotillaError } from '@flotilla/kernel';
import { parse } from '../http/parse.ts';
import { keyLimits, mayChangeKey, mayGrant, mustAdminister } from './authority.ts';
import type { Changes } from './changes.ts';
import type { Secrets } from './secrets.ts';
import { findOrg } from './orgs.ts';
import type { Actor, CreatedKey, Key, Page } from './records.ts';
import { keyOf, pageOf, type KeyRow } from './rows.ts';
import { keyChangeSchema, newKeySchema, pageSchema, rotationSchema } from './schemas.ts';
import type { KeyChange, NewKey, PageQuery, Rotation } from './schemas.ts';
import type { Tiers } from './tiers.ts';
import { findUser } from './users.ts';

type Fields = Omit<
  Key,
  'id' | 'orgId' | 'prefix' | 'createdAt' | 'revokedAt' | 'replacedBy' | 'rotatedAt' | 'lastUsedAt'
>;

export class Keys {
  constructor(
    private readonly changes: Changes,
    private readonly tiers: Tiers,
    private readonly secrets: Secrets,
  ) {}

  create(actor: Actor, orgId: string, input: NewKey): Promise<CreatedKey> {
    mustAdminister(actor, orgId);
    const fields = parse(newKeySchema, input);
    const id = this.changes.options.random.id('key_');
    return this.changes.make(actor, { keyId: id, orgId }, async (tx) => {
      await this.#check(tx, actor, orgId, fields);
      if (fields.userId !== null) await findUser(tx, orgId, fields.userId);
      const created = await this.#insert(tx, id, orgId, fields);
      return [created, { action: 'key.create', target: { kind: 'key', id }, orgId, change: fields }];
    });
  }

  update(actor: Actor, orgId: string, id: string, input: KeyChange): Promise<Key> {
    mustAdminister(actor, orgId);
    const change = parse(keyChangeSchema, input);
    return this.changes.make(actor, { keyId: id, orgId }, async (tx) => {
      const key = await this.#find(tx, orgId, id);
      mayChangeKey(actor, key);
      await this.#check(tx, actor, orgId, change);
      const next = { ...key, ...change };
      const [row] = await tx.query<KeyRow>(
        `UPDATE gateway.api_keys SET name = $2, scopes = $3, models = $4, limits = $5, tier = $6, expires_at = $7,
           require_signature = $8 WHERE id = $1 RETURNING *`,
        [
          ...[id, next.name, next.scopes, json(next.models), json(next.limits), next.tier, time(next.expiresAt)],
          next.requireSignature,
        ],
      );
      return [keyOf(row!), { action: 'key.update', target: { kind: 'key', id }, orgId, change }];
    });
  }

  /** A new key like the old one, which goes on working for a while. */
  rotate(actor: Actor, orgId: string, id: string, input: Rotation): Promise<CreatedKey> {
    mustAdminister(actor, orgId);
    const { overlapMs } = parse(rotationSchema, input);
    const { clock, random } = this.changes.options;
    return this.changes.make(actor, { keyId: id, orgId }, async (tx) => {
      const key = await this.#find(tx, orgId, id);
      mayChangeKey(actor, key);
      refuseEnded(key, clock.now());
      const next = random.id('key_');
      const created = await this.#insert(tx, next, orgId, key);
      const until = Math.min(key.expiresAt ?? Infinity, clock.now() + overlapMs);
      await tx.query('UPDATE gateway.api_keys SET replaced_by = $2, rotated_at = $3, expires_at = $4 WHERE id = $1', [
        ...[id, next, time(clock.now()), time(until)],
      ]);
      const change = { replacedBy: next, overlapMs };
      return [created, { action: 'key.rotate', target: { kind: 'key', id }, orgId, change }];
    });
  }

  /** At once, on every replica. Revoking twice is no error. */
  revoke(actor: Actor, orgId: string, id: string): Promise<Key> {
    mustAdminister(actor, orgId);
    return this.changes.make(actor, { keyId: id, orgId }, async (tx) => {
      mayChangeKey(actor, await this.#find(tx, orgId, id));
      const [row] = await tx.query<KeyRow>(
        'UPDATE gateway.api_keys SET revoked_at = coalesce(revoked_at, $2) WHERE id = $1 RETURNING *',
        [id, time(this.changes.options.clock.now())],
      );
      return [keyOf(row!), { action: 'key.revoke', target: { kind: 'key', id }, orgId, change: {} }];
    });
  }

  async get(actor: Actor, orgId: string, id: string): Promise<Key> {
    mustAdminister(actor, orgId);
    return this.#find(this.changes.options.database, orgId, id, '');
  }

  async findAnywhere(actor: Actor, id: string): Promise<Key> {
    const sql = 'SELECT org_id FROM gateway.api_keys WHERE id = $1';
    const [row] = actor.scopes.has('admin') ? await this.changes.options.database.query<KeyRow>(sql, [id]) : [];
    return this.get(actor, row?.org_id ?? actor.orgId, id);
  }

  /** The newest first, revoked ones included. */
  async list(actor: Actor, orgId: string, query: PageQuery): Promise<Page<Key>> {
    mustAdminister(actor, orgId);
    const { limit, after } = parse(pageSchema, query);
    const rows = await this.changes.options.database.query<KeyRow>(
      `SELECT * FROM gateway.api_keys WHERE org_id = $1 AND ($2::text IS NULL OR id < $2) ORDER BY id DESC LIMIT $3`,
      [orgId, after ?? null, limit + 1],
    );
    return pageOf(rows, limit, keyOf);
  }

  /** In a transaction the row is locked, so that two rotations do not both succeed. */
  async #find(tx: Queryable, orgId: string, id: string, lock = 'FOR UPDATE'): Promise<Key> {
    const sql = `SELECT * FROM gateway.api_keys WHERE org_id = $1 AND id = $2 ${lock}`;
    const [row] = await tx.query<KeyRow>(sql, [orgId, id]);
    if (!row) throw new FlotillaError('not_found', 'There is no such key.');
    return keyOf(row);
  }

  async #check(tx: Queryable, actor: Actor, orgId: string, grants: Partial<Fields>): Promise<void> {
    const org = await findOrg(tx, orgId);
    mayGrant(actor, grants, keyLimits(await this.tiers.find(tx, org.tier)));
    if (typeof grants.tier === 'string') await this.tiers.need(tx, grants.tier);
    if (grants.requireSignature && !this.secrets.canSign) {
      const message = 'Signed requests are off: set FLOTILLA_GATEWAY_SIGNING_SECRET, then try again.';
      throw new FlotillaError('invalid_request', message, { details: { param: 'requireSignature' } });
    }
  }

  async #insert(tx: Queryable, id: string, orgId: string, key: Fields): Promise<CreatedKey> {
    const { secret, hash, prefix, signingSecret } = this.secrets.make(id);
    const [row] = await tx.query<KeyRow>(
      `INSERT INTO gateway.api_keys
         (id, org_id, user_id, hash, prefix, name, scopes, models, limits, tier, expires_at, require_signature)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) RETURNING *`,
      [
        ...[id, orgId, key.userId, hash, prefix, key.name, key.scopes, json(key.models), json(key.limits), key.tier],
        ...[time(key.expiresAt), key.requireSignature],
      ],
    );
    return { key: keyOf(row!), secret, signingSecret };
  }
}

function refuseEnded({ revokedAt, expiresAt, replacedBy }: Key, now: number): void {
  if (replacedBy !== null) throw new FlotillaError('in_the_way', `This key was replaced by ${replacedBy} already.`);
  if (revokedAt !== null || (expiresAt !== null && expiresAt <= now)) {
    throw new FlotillaError('in_the_way', 'This key was revoked or has expired: make a new one.');
  }
}

const json = (value: unknown) => (value === null ? null : JSON.stringify(value));
const time = (ms: number | null) => (ms === null ? null : new Date(ms));
