import type { Queryable } from '@flotilla/database';
import type { Clock } from '@flotilla/kernel';
import type { AnswerStore, FoundAnswer, Question } from './answer-store.ts';
import type { AnswerRow, KeptAnswer } from './kept-answer.ts';
import type { AnswerSelection } from './recent-answers.ts';

const ROWS_AT_A_TIME = 1_000;
/** Organisations whose rows are counted; past it the first of them are trimmed at once. */
const MAX_COUNTED = 10_000;
const at = (parameter: string) => `to_timestamp(${parameter}::float8 / 1000)`;

const EXACT = `
select answer, (extract(epoch from expires_at) * 1000)::float8 as expires
from router.answers where org_id = $1 and key = $2 and expires_at > ${at('$3')}`;

// The scope leaves so few that each is compared; an index over all vectors would look past the organisation first.
const NEAREST = `
select answer from (
  select answer, embedding <=> $3::vector as distance from router.answers
  where org_id = $1 and scope = $2 and expires_at > ${at('$5')} and kept_at >= ${at('$6')}
) as near
where distance <= $4 order by distance limit 1`;

const KEEP = `
insert into router.answers (org_id, key, scope, embedding, model, answer, kept_at, expires_at)
select o, k, s, v::vector, m, a, ${at('t')}, ${at('e')}
from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::float8[], $8::float8[]) as r (o, k, s, v, m, a, t, e)
on conflict (org_id, key) do update set
  scope = excluded.scope, embedding = excluded.embedding, model = excluded.model, answer = excluded.answer,
  kept_at = excluded.kept_at, expires_at = excluded.expires_at`;

// The index alone says which is the oldest that may stay.
const TRIM = `
delete from router.answers where org_id = $1 and (kept_at, key) < (
  select kept_at, key from router.answers where org_id = $1 order by kept_at desc, key desc offset $2 - 1 limit 1
)`;

const deleteSome = (condition: string, locking: string) => `
with old as (
  select org_id, key from router.answers where ${condition} limit ${ROWS_AT_A_TIME} ${locking}
), gone as (
  delete from router.answers as a using old where a.org_id = old.org_id and a.key = old.key returning 1
)
select count(*)::int as rows from gone`;

const PURGE = deleteSome(`($1 = '' or org_id = $1) and ($2 = '' or model = $2)`, 'for update');
// Replicas that sweep at once take different rows.
const SWEEP = deleteSome(`expires_at <= ${at('$1')}`, 'for update skip locked');

interface AnswerText {
  answer: string;
}

/** Answers in the schema `router`, on a server or in this process. */
export class PostgresAnswerStore implements AnswerStore {
  readonly #database: DatabaseOfAnswers;
  readonly #clock: Clock;
  /** Rows of organisations since they were trimmed. */
  readonly #untrimmed = new Map<string, number>();

  constructor(database: DatabaseOfAnswers, clock: Clock) {
    this.#database = database;
    this.#clock = clock;
  }

  async exact(orgId: string, key: string): Promise<FoundAnswer | undefined> {
    const parameters = [storable(orgId), key, this.#clock.now()];
    const [row] = await this.#database.query<AnswerText & { expires: number }>(EXACT, parameters);
    return row && { answer: parsed(row), bytes: Buffer.byteLength(row.answer), expiresAt: row.expires };
  }

  async nearest({ orgId, scope, vector, threshold, keptAfter }: Question): Promise<KeptAnswer | undefined> {
    const [row] = await this.#database.query<AnswerText>(NEAREST, [
      ...[storable(orgId), scope, JSON.stringify(vector)],
      ...[1 - threshold, this.#clock.now(), keptAfter],
    ]);
    return row && parsed(row);
  }

  async keep(rows: readonly AnswerRow[], maxPerOrg: number): Promise<void> {
    // One statement cannot write one row twice.
    const last = [...new Map(rows.map((row) => [`${row.key} ${row.orgId}`, row])).values()];
    const column = <T>(value: (row: AnswerRow) => T) => last.map(value);
    await this.#database.transaction(async (tx) => {
      await tx.query(KEEP, [
        ...[
          column(({ orgId }) => storable(orgId)),
          column(({ key }) => key),
          column(({ near }) => near?.scope ?? null),
        ],
        column(({ near }) => (near ? JSON.stringify(near.vector) : null)),
        ...[column(({ model }) => storable(model)), column(({ text }) => text)],
        ...[column(({ keptAt }) => keptAt), column(({ expiresAt }) => expiresAt)],
      ]);
      for (const orgId of this.#full(
        column((row) => storable(row.orgId)),
        maxPerOrg,
      )) {
        await tx.query(TRIM, [orgId, maxPerOrg]);
      }
    });
  }

  purge({ orgId, model }: AnswerSelection): Promise<number> {
    return this.#deleteAll(PURGE, [storable(orgId), storable(model)]);
  }

  sweep(): Promise<number> {
    return this.#deleteAll(SWEEP, [this.#clock.now()]);
  }

  /** Organisations that were given a hundredth of their bound since they were trimmed: to look for the oldest is no small work. */
  #full(orgIds: readonly string[], maxPerOrg: number): string[] {
    for (const orgId of orgIds) this.#untrimmed.set(orgId, (this.#untrimmed.get(orgId) ?? 0) + 1);
    const full = [...new Set(orgIds)].filter((orgId) => this.#untrimmed.get(orgId)! * 100 >= maxPerOrg);
    full.push(...[...this.#untrimmed.keys()].slice(0, Math.max(0, this.#untrimmed.size - MAX_COUNTED)));
    for (const orgId of full) this.#untrimmed.delete(orgId);
    return full;
  }

  async #deleteAll(sql: string, parameters: readonly unknown[]): Promise<number> {
    let all = 0;
    for (;;) {
      const [gone] = await this.#database.query<{ rows: number }>(sql, parameters);
      all += gone!.rows;
      if (gone!.rows < ROWS_AT_A_TIME) return all;
    }
  }
}

export type DatabaseOfAnswers = Queryable & {
  transaction<T>(run: (tx: Queryable) => Promise<T>): Promise<T>;
};

const parsed = ({ answer }: AnswerText) => JSON.parse(answer) as KeptAnswer;

/** PostgreSQL takes no U+0000 and no halves of surrogate pairs. */
const storable = (text: string) => text.replaceAll(/\u0000|\p{Surrogate}/gu, '\ufffd');
