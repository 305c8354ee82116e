/** A value that can change while the process runs. */
export interface Live<T> {
  readonly current: T;
  /** Why the newest version is not the current one; undefined: it is, or its owner does not say. */
  readonly problem?: string | undefined;
  /** Calls back after each change. Returns the way to stop. */
  onChange(listener: (value: T) => void): () => void;
}

/** A Live that its owner sets. */
export function liveValue<T>(initial: T): Live<T> & { set(value: T): void } {
  const listeners = new Set<(value: T) => void>();
  let current = initial;
  return {
    get current() {
      return current;
    },
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    set(value) {
      current = value;
      for (const listener of listeners) listener(value);
    },
  };
}
