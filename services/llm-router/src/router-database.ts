import { migrate, type Database, type Queryable, type TransactionOptions } from '@flotilla/database';
import { FlotillaError, toFlotillaError, type Clock, type Timer } from '@flotilla/kernel';
import { logger } from '@flotilla/telemetry';
import { routerMigrations } from './migrations.ts';

const log = logger('llm-router');
/** Milliseconds until the database is tried again; doubles up to the longest. */
const firstRetryMs = 500;
const longestRetryMs = 30_000;

/**
 * The router's schema in the platform's database. A database that is away holds up neither the start nor a chat: until it
 * is there and has the router's tables, every query is `unavailable`.
 */
export class RouterDatabase implements Queryable {
  readonly #open: () => Promise<Database>;
  readonly #clock: Clock;
  #database: Database | undefined;
  #timer: Timer | undefined;
  #pause = firstRetryMs;
  #ended = false;

  constructor(open: () => Promise<Database>, clock: Clock) {
    this.#open = open;
    this.#clock = clock;
  }

  /** Resolves after the first try, whatever came of it. */
  async start(): Promise<void> {
    try {
      const database = await this.#open();
      await migrate(database, routerMigrations);
      if (!this.#ended) this.#database = database;
    } catch (error) {
      if (this.#ended) return;
      log.warn('the router has no database yet', { code: toFlotillaError(error).code, error });
      this.#timer = this.#clock.after(this.#pause, () => void this.start());
      this.#pause = Math.min(this.#pause * 2, longestRetryMs);
    }
  }

  stop(): void {
    this.#ended = true;
    this.#timer?.cancel();
  }

  async query<Row = Record<string, unknown>>(sql: string, parameters?: readonly unknown[]): Promise<Row[]> {
    return this.#there().query<Row>(sql, parameters);
  }

  async transaction<T>(run: (tx: Queryable) => Promise<T>, options?: TransactionOptions): Promise<T> {
    return this.#there().transaction(run, options);
  }

  #there(): Database {
    if (this.#database) return this.#database;
    throw new FlotillaError('unavailable', 'The router has no database yet. Try again in a moment.');
  }
}
