import { groupedWriter, type GroupedWriter } from '@flotilla/database';
import { toFlotillaError, within, type Clock, type Timer } from '@flotilla/kernel';
import { logger } from '@flotilla/telemetry';
import type { AnswerStore, Question } from './answer-store.ts';
import { cacheMetrics } from './cache.metrics.ts';
import type { AnswerRow, KeptAnswer } from './kept-answer.ts';
import { RecentAnswers, type AnswerSelection } from './recent-answers.ts';

const log = logger('llm-router');

const ROWS_OF_A_WRITE = 64;
const WRITE_TIMEOUT_MS = 5_000;

export interface KeptAnswersOptions {
  readonly store: AnswerStore;
  readonly clock: Clock;
  readonly maxPerOrg: () => number;
  readonly cacheMemoryBytes: number;
  readonly cacheMemoryMs: number;
  readonly cacheMaxUnwritten: number;
  readonly cacheSweepMs: number;
}

/** Where an answer belongs among others of like meaning. */
export type Near = NonNullable<AnswerRow['near']>;

interface Unwritten extends AnswerRow {
  readonly since: number;
}

/** The answers: in the store, and those used lately in memory as well. Writing waits for nobody and nobody waits for it. */
export class KeptAnswers {
  readonly #options: KeptAnswersOptions;
  readonly #memory: RecentAnswers;
  readonly #writer: GroupedWriter<Unwritten>;
  #sweeps: Timer | undefined;
  #purges = 0;

  constructor(options: KeptAnswersOptions) {
    this.#options = options;
    this.#memory = new RecentAnswers(options.cacheMemoryBytes);
    this.#writer = groupedWriter({
      write: (rows) => this.#write(rows),
      maxRows: ROWS_OF_A_WRITE,
      maxWaitMs: 0,
      maxPending: options.cacheMaxUnwritten,
      clock: options.clock,
    });
  }

  start(): void {
    this.#sweeps = this.#options.clock.every(this.#options.cacheSweepMs, () => void this.#sweep());
  }

  /** Resolves when what was to be kept is written, or could not be. */
  async stop(): Promise<void> {
    this.#sweeps?.cancel();
    await this.#writer.close();
  }

  /** How often answers were forgotten: what was begun before is not kept after. */
  get purges(): number {
    return this.#purges;
  }

  inMemory(orgId: string, key: string): KeptAnswer | undefined {
    return this.#memory.get(orgId, key, this.#options.clock.now());
  }

  async exact(orgId: string, model: string, key: string): Promise<KeptAnswer | undefined> {
    const since = this.#purges;
    const found = await this.#options.store.exact(orgId, key);
    if (found && since === this.#purges) this.#remember({ orgId, model, key, ...found });
    return found?.answer;
  }

  nearest(question: Question): Promise<KeptAnswer | undefined> {
    return this.#options.store.nearest(question);
  }

  /** `since`: `purges` when the answer was begun. `near` may still be on its way, or never come. */
  keep(row: Omit<AnswerRow, 'near'>, answer: KeptAnswer, since: number, near: Promise<Near | undefined>): void {
    if (since !== this.#purges) return cacheMetrics.kept('purged');
    this.#remember({ ...row, answer, bytes: Buffer.byteLength(row.text) });
    void near
      .then((there) => this.#writer.add({ ...row, near: there, since }))
      .catch((error: unknown) => this.#notKept(error));
  }

  forget(selection: AnswerSelection): void {
    this.#purges += 1;
    this.#memory.forget(selection);
    cacheMetrics.holds(this.#memory.bytes);
  }

  purge(selection: AnswerSelection): Promise<number> {
    return this.#options.store.purge(selection);
  }

  #remember(row: { orgId: string; model: string; key: string; answer: KeptAnswer; bytes: number; expiresAt: number }) {
    const { key, orgId, model, answer, bytes, expiresAt } = row;
    const until = Math.min(expiresAt, this.#options.clock.now() + this.#options.cacheMemoryMs);
    this.#memory.set(key, { orgId, model, answer, bytes, until });
    cacheMetrics.holds(this.#memory.bytes);
  }

  async #write(rows: Unwritten[]): Promise<void> {
    const wanted = rows.filter(({ since }) => since === this.#purges);
    if (wanted.length < rows.length) cacheMetrics.kept('purged', rows.length - wanted.length);
    if (wanted.length === 0) return;
    const { store, clock, maxPerOrg } = this.#options;
    try {
      await within(clock, WRITE_TIMEOUT_MS, store.keep(wanted, maxPerOrg()));
      cacheMetrics.kept('kept', wanted.length);
    } catch (error) {
      cacheMetrics.kept('failed', wanted.length);
      log.warn('answers could not be kept', { answers: wanted.length, code: toFlotillaError(error).code });
    }
  }

  #notKept(error: unknown): void {
    const { code } = toFlotillaError(error);
    cacheMetrics.kept(code === 'overloaded' ? 'refused' : 'failed');
  }

  async #sweep(): Promise<void> {
    try {
      cacheMetrics.swept(await this.#options.store.sweep());
    } catch (error) {
      log.warn('kept answers could not be swept; they are tried again', { code: toFlotillaError(error).code });
    }
  }
}
