import { malformedFailure } from './engine-errors.ts';

/** What an engine wrote as JSON; null reads as an object without fields. Throws an EngineFailure that names `what` it was to be. */
export function engineJson<T extends object>(text: string, what: string): Partial<T> {
  try {
    return (JSON.parse(text) as T | null) ?? {};
  } catch (cause) {
    throw malformedFailure(`${what} that is not JSON`, cause);
  }
}
