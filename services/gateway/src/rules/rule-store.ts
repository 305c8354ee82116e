import { rulesChanged, type Bus } from '@flotilla/bus';
import type { Database, Queryable } from '@flotilla/database';
import { FlotillaError, toFlotillaError, type Clock, type Random } from '@flotilla/kernel';
import { logger } from '@flotilla/telemetry';
import { appendAudit } from '../directory/audit.ts';
import type { Actor } from '../directory/records.ts';
import type { RuleSource } from './content-rules.ts';
import { checkPattern, instructionsOf } from './pattern.ts';
import type { RuleInput, StoredRule } from './rule.ts';

export interface RuleStoreOptions {
  database: Database;
  bus: Bus;
  clock: Clock;
  random: Random;
}

/** Rules one organisation may keep. */
const mostRules = 200;
/** Instructions its patterns may compile to together: some 50 ns each for a character, at worst and not as a rule. */
const mostInstructions = 4_000;

const log = logger('gateway.rules');

interface RuleRow {
  org_id: string;
  id: string;
  kind: 'block' | 'guide';
  pattern: string;
  message: string;
  enabled: boolean;
  created_at: Date;
  updated_at: Date;
}

/** The rules that people edit, in the gateway's own schema. Every change is in the audit log and is announced. */
export class RuleStore implements RuleSource {
  constructor(private readonly options: RuleStoreOptions) {}

  /** See RuleSource. */
  load(orgId?: string): Promise<StoredRule[]> {
    return read(this.options.database, orgId);
  }

  /** The rules of one organisation, or of `*`, by id. */
  list(orgId: string): Promise<StoredRule[]> {
    return read(this.options.database, orgId);
  }

  /** Throws `invalid_request` when the pattern is refused or the organisation has too many. `orgId` `*`: for all. */
  async put(actor: Actor, orgId: string, rule: RuleInput): Promise<StoredRule> {
    checkPattern(rule.pattern);
    const { id, kind, pattern, message, enabled } = rule;
    const now = new Date(this.options.clock.now());
    const stored = await this.options.database.transaction(async (tx) => {
      const [row] = await tx.query<RuleRow>(
        `INSERT INTO gateway.content_rules AS rule (org_id, id, kind, pattern, message, enabled, created_at, updated_at)
         SELECT $1, $2, $3, $4, $5, $6, $7, $7
         WHERE (SELECT count(*) FROM gateway.content_rules WHERE org_id = $1 AND id <> $2) < $8
         ON CONFLICT (org_id, id) DO UPDATE SET kind = $3, pattern = $4, message = $5, enabled = $6, updated_at = $7
         RETURNING *`,
        [orgId, id, kind, pattern, message, enabled, now, mostRules],
      );
      if (!row) throw new FlotillaError('invalid_request', `An organisation has ${mostRules} content rules at most.`);
      await checkSize(tx, orgId);
      const change = { kind, pattern, message, enabled };
      await this.#note(tx, actor, { action: 'rule.put', target: { kind: 'rule', id }, orgId, change });
      return ruleOf(row);
    });
    await this.#announce(orgId);
    return stored;
  }

  /** False when there was no such rule. */
  async delete(actor: Actor, orgId: string, id: string): Promise<boolean> {
    const deleted = await this.options.database.transaction(async (tx) => {
      const rows = await tx.query('DELETE FROM gateway.content_rules WHERE org_id = $1 AND id = $2 RETURNING id', [
        ...[orgId, id],
      ]);
      if (rows.length === 0) return false;
      await this.#note(tx, actor, { action: 'rule.delete', target: { kind: 'rule', id }, orgId, change: {} });
      return true;
    });
    if (deleted) await this.#announce(orgId);
    return deleted;
  }

  #note(tx: Queryable, actor: Actor, deed: Parameters<typeof appendAudit>[2]): Promise<void> {
    return appendAudit(tx, actor, deed, this.options);
  }

  /** A lost event is made up for by the next refresh of every gateway. */
  async #announce(orgId: string): Promise<void> {
    try {
      await this.options.bus.publish(rulesChanged, { orgId });
    } catch (error) {
      log.warn('a change of content rules was not announced', { org_id: orgId, code: toFlotillaError(error).code });
    }
  }
}

async function checkSize(tx: Queryable, orgId: string): Promise<void> {
  const rules = await read(tx, orgId);
  const size = rules.reduce((sum, { pattern }) => sum + instructionsOf(pattern), 0);
  if (size <= mostInstructions) return;
  const message = `The patterns of this organisation would be too large together (${size} instructions of ${mostInstructions}).`;
  throw new FlotillaError('invalid_request', `${message} Use smaller repeat counts, or fewer rules.`);
}

async function read(database: Queryable, orgId: string | undefined): Promise<StoredRule[]> {
  const rows = await database.query<RuleRow>(
    'SELECT * FROM gateway.content_rules WHERE $1::text IS NULL OR org_id = $1 ORDER BY org_id, id',
    [orgId ?? null],
  );
  return rows.map(ruleOf);
}

function ruleOf({ org_id, id, kind, pattern, message, enabled, created_at, updated_at }: RuleRow): StoredRule {
  const times = { createdAt: created_at.getTime(), updatedAt: updated_at.getTime() };
  return { ...{ org: org_id, id, kind, pattern, message, enabled }, ...times };
}
