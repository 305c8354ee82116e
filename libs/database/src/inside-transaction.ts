import { AsyncLocalStorage } from 'node:async_hooks';
import { FlotillaError } from '@flotilla/kernel';

/**
 * Refuses the query that would wait for itself: one made on the database while its own caller holds a transaction of it.
 * PGlite has one connection, so that query would never run; on PostgreSQL it runs outside of the transaction and hangs
 * once the pool is used up. Both say so at once instead.
 */
export class TransactionGuard {
  readonly #scope = new AsyncLocalStorage<{ open: boolean }>();

  check(): void {
    if (this.#scope.getStore()?.open) {
      throw new FlotillaError('internal', 'inside of a transaction, query the transaction and not the database');
    }
  }

  async run<T>(transaction: () => Promise<T>): Promise<T> {
    const scope = { open: true };
    try {
      return await this.#scope.run(scope, transaction);
    } finally {
      scope.open = false;
    }
  }
}
