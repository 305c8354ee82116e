import type { KubeObject, Resource } from './object.ts';

export interface ObjectName {
  readonly namespace?: string;
  readonly name: string;
}

/** Which objects of a kind. Absent: all that the identity may see. */
export interface Selection {
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
}

export interface ListPage<T> {
  readonly items: readonly T[];
  readonly resourceVersion: string;
  /** Where the next page begins; absent: there is none. */
  readonly next?: string;
}

export type WatchEvent<T> =
  | { readonly type: 'added' | 'modified' | 'deleted'; readonly object: T }
  /** Nothing changed up to this version: where to go on from. */
  | { readonly type: 'bookmark'; readonly resourceVersion: string };

export interface CallOptions {
  /** Absent: the deadline of the adapter alone (10 s). */
  readonly signal?: AbortSignal;
}

export interface DeleteOptions extends CallOptions {
  /** Only the object with this uid. */
  readonly uid?: string;
  readonly gracePeriodSeconds?: number;
  readonly propagation?: 'Background' | 'Foreground' | 'Orphan';
}

/**
 * The API of a cluster, as far as this platform needs it. Calls throw KubeError. No call is retried here.
 */
export interface KubeApi {
  /** Undefined: there is none. */
  get<T extends KubeObject>(resource: Resource<T>, name: ObjectName, options?: CallOptions): Promise<T | undefined>;
  list<T extends KubeObject>(
    resource: Resource<T>,
    selection?: Selection,
    page?: { limit: number; next?: string } & CallOptions,
  ): Promise<ListPage<T>>;
  /**
   * Changes after `resourceVersion`, until the signal aborts or the server ends it. Throws kind `gone` when it no longer
   * knows what came after that version: list again.
   */
  watch<T extends KubeObject>(
    resource: Resource<T>,
    selection: Selection,
    resourceVersion: string,
    signal: AbortSignal,
  ): AsyncIterable<WatchEvent<T>>;
  create<T extends KubeObject>(object: T, options?: CallOptions): Promise<T>;
  /** Server-side apply: makes it what `object` says in the fields it names; those this manager named before and does not now go. */
  apply<T extends KubeObject>(object: T, options: CallOptions & { manager: string; force?: boolean }): Promise<T>;
  /** The same for its status. */
  applyStatus<T extends KubeObject>(object: T, options: CallOptions & { manager: string }): Promise<T>;
  /** The whole object, as long as it is still at its resourceVersion. */
  replace<T extends KubeObject>(object: T, options?: CallOptions): Promise<T>;
  /** JSON merge patch; null removes a field. */
  patch<T extends KubeObject>(
    resource: Resource<T>,
    name: ObjectName,
    patch: unknown,
    options?: CallOptions & { subresource?: 'status' | 'scale' },
  ): Promise<T>;
  /** Returns when the API took it; what has finalizers, or pods that end, goes later. What is not there is no error. */
  delete(resource: Resource, name: ObjectName, options?: DeleteOptions): Promise<void>;
  /** How many calls were made since the start, by verb (`get`, `list`, `watch`, …). */
  readonly calls: Readonly<Record<string, number>>;
  close(): Promise<void>;
}
