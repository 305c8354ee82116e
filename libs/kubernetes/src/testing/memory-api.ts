import { abortable, systemClock, systemRandom, type Clock, type Random } from '@flotilla/kernel';
import type { CallOptions, DeleteOptions, KubeApi, ListPage, ObjectName, Selection, WatchEvent } from '../kube-api.ts';
import { KubeError } from '../kube-error.ts';
import type { KubeObject, Resource } from '../object.ts';
import { resourceFinder } from '../resource-path.ts';
import { known } from '../resources.ts';
import type { Document } from './documents.ts';
import { MemoryObjects } from './memory-objects.ts';
import { Removal } from './removal.ts';
import { Store } from './store.ts';
import { Watches } from './watches.ts';

/** A call as an interceptor sees it. */
export interface InterceptedCall {
  readonly verb: 'get' | 'list' | 'watch' | 'create' | 'update' | 'patch' | 'delete';
  /** Plural name of the resource. */
  readonly resource: string;
  readonly namespace: string | undefined;
  readonly name: string | undefined;
}

/**
 * Stands between callers and the objects: waits, throws, or lets the call happen by `happen()`, before or after which it may
 * wait or throw too: an answer that is lost.
 */
export type Interceptor = (call: InterceptedCall, happen: () => unknown) => unknown;

export interface MemoryApiOptions {
  /** Kinds beside the known ones. */
  resources?: readonly Resource[];
  clock?: Clock;
  random?: Random;
}

/** A KubeApi in memory, with ways to make it fail as a real one does. */
export interface MemoryApi extends KubeApi {
  /** Puts it between all calls; the newest is asked first. Returns how to take it out. */
  intercept(interceptor: Interceptor): () => void;
  /** The next `times` calls (of that verb) fail with the error. */
  failNext(error: KubeError, options?: { times?: number; verb?: InterceptedCall['verb'] }): void;
  /** As when the API server is away: calls fail, watches break. */
  setDown(down: boolean): void;
  /** Ends all watches: with the error, or as when their time is over. */
  breakWatches(error?: KubeError): void;
  /** Forgets what was before now: a watch from an older version, and a list that goes on, get `gone`. */
  expireVersions(): void;
  /** Sends every watch a bookmark of now. */
  bookmark(): void;
  readonly watching: number;
  readonly resourceVersion: string;
}

/**
 * Objects with versions, watches, selectors, field ownership, subresources, finalizers, a pod's grace, and what their owners
 * leave behind removed. It has no schemas, no admission and no controllers.
 */
export function createMemoryApi(options: MemoryApiOptions = {}): MemoryApi {
  return new InMemory(options);
}

class InMemory implements MemoryApi {
  readonly #calls: Record<string, number> = {};
  readonly #store = new Store();
  readonly #watches = new Watches(this.#store);
  readonly #objects: MemoryObjects;
  #interceptors: readonly Interceptor[] = [];

  constructor({ resources = [], clock = systemClock, random = systemRandom }: MemoryApiOptions) {
    this.#objects = new MemoryObjects({
      store: this.#store,
      removal: new Removal(this.#store, clock),
      resourceOf: resourceFinder([...known, ...resources]),
      clock,
      random,
    });
  }

  get calls(): Readonly<Record<string, number>> {
    return this.#calls;
  }
  get watching(): number {
    return this.#watches.count;
  }
  get resourceVersion(): string {
    return String(this.#store.version);
  }

  get<T extends KubeObject>(resource: Resource<T>, name: ObjectName, options?: CallOptions): Promise<T | undefined> {
    return this.#call('get', resource, name, options, () => this.#objects.get(resource, name));
  }

  list<T extends KubeObject>(
    resource: Resource<T>,
    selection: Selection = {},
    page?: { limit: number; next?: string } & CallOptions,
  ): Promise<ListPage<T>> {
    return this.#call('list', resource, selection, page, () => this.#objects.list(resource, selection, page));
  }

  async *watch<T extends KubeObject>(
    resource: Resource<T>,
    selection: Selection,
    resourceVersion: string,
    signal: AbortSignal,
  ): AsyncIterable<WatchEvent<T>> {
    try {
      await this.#call('watch', resource, selection, { signal }, () => undefined);
    } catch (error) {
      if (signal.aborted) return;
      throw error;
    }
    yield* this.#watches.watch(resource, selection, resourceVersion, signal);
  }

  create<T extends KubeObject>(object: T, options?: CallOptions): Promise<T> {
    return this.#write('create', object, options, () => this.#objects.create(object as unknown as Document));
  }

  apply<T extends KubeObject>(object: T, options: CallOptions & { manager: string; force?: boolean }): Promise<T> {
    const { manager, force = false } = options;
    const happen = () => this.#objects.apply(object as unknown as Document, { manager, force, status: false });
    return this.#write('patch', object, options, happen);
  }

  applyStatus<T extends KubeObject>(object: T, options: CallOptions & { manager: string }): Promise<T> {
    const { manager } = options;
    const happen = () => this.#objects.apply(object as unknown as Document, { manager, force: true, status: true });
    return this.#write('patch', object, options, happen);
  }

  replace<T extends KubeObject>(object: T, options?: CallOptions): Promise<T> {
    return this.#write('update', object, options, () => this.#objects.replace(object as unknown as Document));
  }

  patch<T extends KubeObject>(
    resource: Resource<T>,
    name: ObjectName,
    patch: unknown,
    options: CallOptions & { subresource?: 'status' | 'scale' } = {},
  ): Promise<T> {
    const happen = () => this.#objects.patch(resource, name, patch, options.subresource);
    return this.#call('patch', resource, name, options, () => happen() as unknown as T);
  }

  delete(resource: Resource, name: ObjectName, options: DeleteOptions = {}): Promise<void> {
    return this.#call('delete', resource, name, options, () => this.#objects.delete(resource, name, options));
  }

  async close(): Promise<void> {
    this.#watches.end();
  }

  intercept(interceptor: Interceptor): () => void {
    this.#interceptors = [interceptor, ...this.#interceptors];
    return () => (this.#interceptors = this.#interceptors.filter((each) => each !== interceptor));
  }

  failNext(error: KubeError, { times = 1, verb }: { times?: number; verb?: InterceptedCall['verb'] } = {}): void {
    let left = times;
    const remove = this.intercept((call, happen) => {
      if (verb !== undefined && call.verb !== verb) return happen();
      left -= 1;
      if (left === 0) remove();
      throw error;
    });
  }

  readonly #away: Interceptor = () => {
    throw away();
  };

  setDown(down: boolean): void {
    this.#interceptors = this.#interceptors.filter((each) => each !== this.#away);
    if (!down) return;
    this.intercept(this.#away);
    this.#watches.end(away());
  }

  breakWatches(error?: KubeError): void {
    this.#watches.end(error);
  }

  expireVersions(): void {
    this.#store.expire();
  }

  bookmark(): void {
    this.#watches.bookmark();
  }

  #write<T extends KubeObject>(
    verb: InterceptedCall['verb'],
    object: T,
    options: CallOptions | undefined,
    happen: () => Document,
  ): Promise<T> {
    return this.#call(verb, this.#objects.resourceOf(object), object.metadata, options, () => happen() as unknown as T);
  }

  async #call<R>(
    verb: InterceptedCall['verb'],
    resource: Resource,
    at: { namespace?: string; name?: string },
    options: CallOptions | undefined,
    happen: () => R,
  ): Promise<R> {
    this.#calls[verb] = (this.#calls[verb] ?? 0) + 1;
    const call = { verb, resource: resource.plural, namespace: at.namespace, name: at.name };
    const through = this.#interceptors.reduceRight<() => unknown>((next, each) => () => each(call, next), happen);
    const answer = Promise.resolve().then(through) as Promise<R>;
    const { signal } = options ?? {};
    if (!signal) return answer;
    try {
      return await abortable(answer, signal);
    } catch (error) {
      if (!signal.aborted || error instanceof KubeError) throw error;
      throw new KubeError('cancelled', `${verb} ${resource.plural} was cancelled`, { cause: signal.reason });
    }
  }
}

function away(): KubeError {
  return new KubeError('unavailable', "the cluster's API does not answer: connection refused");
}
