import type { Database, Queryable } from '@flotilla/database';

/**
 * PGlite lives in this process and nobody else can open its folder, so that counters in memory say as much as a table. They
 * belong to the database, not to a service: two services over one database see each other's changes.
 */
const counters = new WeakMap<Database, Map<string, number>>();

/** Counts the changes of each organisation, so that what is held in memory can be compared for the price of one row, or none. */
export class Generations {
  private readonly database: Database;
  private readonly inMemory: Map<string, number> | undefined;

  constructor(database: Database) {
    this.database = database;
    if (database.kind === 'pglite') {
      this.inMemory = counters.get(database) ?? new Map();
      counters.set(database, this.inMemory);
    }
  }

  of(orgId: string): Promise<number> | number {
    return this.inMemory ? (this.inMemory.get(orgId) ?? 0) : this.read(orgId);
  }

  /** Runs `change` as a transaction and counts it. */
  async change<T>(orgId: string, change: (tx: Queryable) => Promise<T>): Promise<T> {
    const result = await this.database.transaction(async (tx) => {
      const changed = await change(tx);
      await tx.query(
        `insert into rag.tenants (org_id, generation) values ($1, 1)
         on conflict (org_id) do update set generation = rag.tenants.generation + 1`,
        [orgId],
      );
      return changed;
    });
    this.inMemory?.set(orgId, (this.inMemory.get(orgId) ?? 0) + 1);
    return result;
  }

  private async read(orgId: string): Promise<number> {
    const [row] = await this.database.query<{ generation: number }>(
      'select generation from rag.tenants where org_id = $1',
      [orgId],
    );
    return row?.generation ?? 0;
  }
}
