import type { Override, OverrideKey } from './override.ts';

/** Given all overrides as they would be and as they are; throws to leave them so. */
export type Check = (next: readonly Override[], before: readonly Override[]) => void;

/** Where overrides are kept. Everything throws `unavailable` when that is away. */
export interface OverrideStore {
  /** The oldest first. */
  list(): Promise<Override[]>;
  /** Nobody else writes between `check` and the write. Returns all there are then. */
  put(override: Override, check: Check): Promise<Override[]>;
  /** The same. Undefined: there was none. */
  remove(key: OverrideKey, check: Check): Promise<Override[] | undefined>;
}
