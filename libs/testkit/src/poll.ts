export interface PollOptions {
  /** Milliseconds until it gives up. Default 20,000: what never comes costs that once, and a crowded machine is slow. */
  timeoutMs?: number;
  /** Milliseconds between two looks. Default 10. */
  everyMs?: number;
  /** What is waited for, for the error: "the second replica to be ready". */
  what?: string;
}

type Truthy<T> = Exclude<T, undefined | null | false | 0 | ''>;

/**
 * Looks again and again until the condition gives something truthy, and returns that. A condition that throws counts as
 * not yet; the last throw is the cause of the error at the end.
 */
export async function until<T>(
  condition: () => T | Promise<T>,
  { timeoutMs = 20_000, everyMs = 10, what = 'the condition' }: PollOptions = {},
): Promise<Truthy<T>> {
  const deadline = performance.now() + timeoutMs;
  let cause: unknown;
  for (;;) {
    try {
      const value = await condition();
      if (value) return value as Truthy<T>;
      cause = undefined;
    } catch (error) {
      cause = error;
    }
    if (performance.now() >= deadline) throw new Error(`waited ${timeoutMs} ms for ${what}`, { cause });
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
}
