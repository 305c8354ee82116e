import type { KubeObject } from './object.ts';

/** The objects of a selection as they are now, kept up by list and watch. What is held of each is what `keep` made of it. */
export interface Followed<K> {
  /** By `namespace/name`. */
  readonly items: ReadonlyMap<string, K>;
  /** Resolves when the first list is in. */
  readonly synced: Promise<void>;
  /** Told of every object that came, changed or went (`now` undefined); returns how to stop being told. */
  onChange(listener: (key: string, now: K | undefined, before: K | undefined) => void): () => void;
  stop(): Promise<void>;
}

export interface FollowOptions<T extends KubeObject, K> {
  /** What to hold of an object: fewer bytes for many. */
  keep(object: T): K;
}
