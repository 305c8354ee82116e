/**
 * Ends an iteration that nobody reads any more: runs the `finally` of a generator. It may take its time and may fail;
 * nobody waits for it.
 */
export function abandon(source: AsyncIterator<unknown> | undefined): void {
  try {
    void Promise.resolve(source?.return?.()).catch(() => undefined);
  } catch {
    // An iterator that is no generator may throw at once; it is done with all the same.
  }
}
