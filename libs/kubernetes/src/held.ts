import { logger } from '@flotilla/telemetry';
import type { Followed } from './followed.ts';
import { keyOf, type KubeObject, type Resource } from './object.ts';

type Listener<K> = Parameters<Followed<K>['onChange']>[0];

const log = logger('kubernetes');

/** What is held of the objects of a resource, and who is told of changes. */
export class Held<T extends KubeObject, K> {
  readonly items = new Map<string, K>();
  /** By key, to know what a new list changes. */
  readonly #versions = new Map<string, string>();
  readonly #listeners = new Set<Listener<K>>();
  readonly #keep: (object: T) => K;
  readonly #resource: Resource<T>;

  constructor(keep: (object: T) => K, resource: Resource<T>) {
    this.#keep = keep;
    this.#resource = resource;
  }

  onChange(listener: Listener<K>): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Takes the object as it is now and returns its key. One whose `keep` throws stays as it was. */
  put(object: T): string {
    const key = keyOf(object);
    const version = object.metadata.resourceVersion ?? '';
    if (this.#versions.get(key) === version) return key;
    delete object.metadata.managedFields;
    const now = this.#guarded(key, () => this.#keep(object));
    if (now === undefined) return key;
    const before = this.items.get(key);
    this.#versions.set(key, version);
    this.items.set(key, now);
    this.#tell(key, now, before);
    return key;
  }

  remove(key: string): void {
    const before = this.items.get(key);
    this.#versions.delete(key);
    if (this.items.delete(key)) this.#tell(key, undefined, before);
  }

  /** Lets go of all that a whole list did not hold. */
  keepOnly(keys: ReadonlySet<string>): void {
    for (const key of [...this.items.keys()]) if (!keys.has(key)) this.remove(key);
  }

  #tell(key: string, now: K | undefined, before: K | undefined): void {
    for (const listener of this.#listeners) this.#guarded(key, () => listener(key, now, before));
  }

  /** One bad object, or one listener's fault, does not end the following of all others. */
  #guarded<R>(key: string, run: () => R): R | undefined {
    try {
      return run();
    } catch (error) {
      log.error(`a ${this.#resource.kind} could not be taken in`, { key, error: String(error) });
      return undefined;
    }
  }
}
