import type { Queryable } from '@flotilla/database';
import { FlotillaError, tierSchema, type Live, type PlatformFile, type TierConfig } from '@flotilla/kernel';
import { parse } from '../http/parse.ts';
import { mustRunPlatform } from './authority.ts';
import type { Changes } from './changes.ts';
import type { Actor, Tier } from './records.ts';
import { tierInputSchema, type TierInput } from './schemas.ts';

/** Names that are always there: when nobody defines them, the gateway's settings say what they are. */
const builtIn: ReadonlySet<string> = new Set(['default', 'dev']);

export class Tiers {
  constructor(
    private readonly changes: Changes,
    private readonly file: Live<PlatformFile>,
  ) {}

  /** A definition of the database stands in place of the file's, as a whole. Undefined: neither has one. */
  async find(tx: Queryable, name: string): Promise<TierConfig | undefined> {
    const [row] = await tx.query<{ definition: unknown }>('SELECT definition FROM gateway.tiers WHERE name = $1', [
      name,
    ]);
    return row ? tierSchema.parse(row.definition) : this.file.current.tiers[name];
  }

  async need(tx: Queryable, name: string): Promise<void> {
    if (builtIn.has(name) || (await this.find(tx, name))) return;
    const message = `There is no tier '${name}'. Make it first, or choose another.`;
    throw new FlotillaError('invalid_request', message, { details: { param: 'tier' } });
  }

  async list(actor: Actor): Promise<Tier[]> {
    mustRunPlatform(actor);
    const tiers = new Map<string, Tier>();
    for (const [name, definition] of Object.entries(this.file.current.tiers)) {
      tiers.set(name, { name, definition, source: 'file' });
    }
    const rows = await this.changes.options.database.query<{ name: string; definition: unknown }>(
      'SELECT name, definition FROM gateway.tiers',
      [],
    );
    for (const { name, definition } of rows) {
      tiers.set(name, { name, definition: tierSchema.parse(definition), source: 'database' });
    }
    return [...tiers.values()].sort((one, other) => (one.name < other.name ? -1 : 1));
  }

  /** Makes or replaces a tier; holds for every key of it at once. */
  put(actor: Actor, input: TierInput): Promise<Tier> {
    mustRunPlatform(actor);
    const { name, definition } = parse(tierInputSchema, input);
    return this.changes.make(actor, {}, async (tx) => {
      await tx.query(
        `INSERT INTO gateway.tiers (name, definition) VALUES ($1, $2)
         ON CONFLICT (name) DO UPDATE SET definition = $2, updated_at = now()`,
        [name, JSON.stringify(definition)],
      );
      const tier: Tier = { name, definition, source: 'database' };
      return [tier, { action: 'tier.put', target: { kind: 'tier', id: name }, orgId: '', change: { definition } }];
    });
  }

  /** The file's tier of that name, if there is one, is in force again. Refused while somebody needs it. */
  remove(actor: Actor, name: string): Promise<void> {
    mustRunPlatform(actor);
    return this.changes.make(actor, {}, async (tx) => {
      const gone = await tx.query('DELETE FROM gateway.tiers WHERE name = $1 RETURNING name', [name]);
      if (gone.length === 0) throw new FlotillaError('not_found', 'There is no such tier in the database.');
      if (!builtIn.has(name) && !this.file.current.tiers[name]) await refuseUsed(tx, name);
      return [undefined, { action: 'tier.delete', target: { kind: 'tier', id: name }, orgId: '', change: {} }];
    });
  }
}

async function refuseUsed(tx: Queryable, name: string): Promise<void> {
  const [row] = await tx.query<{ used: boolean }>(
    `SELECT EXISTS (SELECT FROM gateway.organisations WHERE tier = $1)
         OR EXISTS (SELECT FROM gateway.api_keys WHERE tier = $1 AND revoked_at IS NULL) AS used`,
    [name],
  );
  if (row?.used) {
    throw new FlotillaError('in_the_way', `Organisations or keys are of the tier '${name}'. Give them another first.`);
  }
}
