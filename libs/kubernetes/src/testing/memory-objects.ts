import type { Clock, Random } from '@flotilla/kernel';
import type { DeleteOptions, ListPage, ObjectName, Selection } from '../kube-api.ts';
import { KubeError } from '../kube-error.ts';
import { keyOf, type KubeObject, type Resource } from '../object.ts';
import type { ResourceOf } from '../resource-path.ts';
import { copyOf, mergePatched, same, specDiffers, withoutStatusOf, withStatusOf, type Document } from './documents.ts';
import type { Removal } from './removal.ts';
import { selectorOf } from './selectors.ts';
import type { Entry, Store } from './store.ts';

/** Who writes without apply, as our own client calls itself. */
const updateManager = 'flotilla';

/** What the verbs of the API do to the objects of a store. */
export class MemoryObjects {
  readonly resourceOf: ResourceOf;
  readonly #store: Store;
  readonly #removal: Removal;
  readonly #clock: Clock;
  readonly #random: Random;

  constructor(parts: { store: Store; removal: Removal; resourceOf: ResourceOf; clock: Clock; random: Random }) {
    this.resourceOf = parts.resourceOf;
    this.#store = parts.store;
    this.#removal = parts.removal;
    this.#clock = parts.clock;
    this.#random = parts.random;
  }

  get<T extends KubeObject>(resource: Resource<T>, name: ObjectName): T | undefined {
    const entry = this.#store.find(resource, keyFor(resource, name));
    return entry && (copyOf(entry.object) as unknown as T);
  }

  list<T extends KubeObject>(
    resource: Resource<T>,
    selection: Selection,
    { limit = Number.POSITIVE_INFINITY, next }: { limit?: number; next?: string } = {},
  ): ListPage<T> {
    const [version, after] = next === undefined ? [this.#store.version, ''] : (JSON.parse(next) as [number, string]);
    this.#store.changesAfter(version);
    const selects = selectorOf(selection);
    const items: Entry[] = [];
    let more = false;
    for (const entry of this.#store.all(resource)) {
      if (entry.key <= after || !selects(entry.object)) continue;
      more = items.length >= limit;
      if (more) break;
      items.push(entry);
    }
    return {
      items: items.map(({ object }) => copyOf(object) as unknown as T),
      resourceVersion: String(version),
      ...(more && { next: JSON.stringify([version, items.at(-1)!.key]) }),
    };
  }

  create(given: Document): Document {
    const resource = this.resourceOf(given);
    if (this.#store.find(resource, keyOf(given))) {
      throw new KubeError('conflict', `${resource.plural} "${given.metadata.name}" already exists`);
    }
    const { status, ...rest } = copyOf(given);
    const { managedFields, deletionTimestamp, deletionGracePeriodSeconds, ...metadata } = rest.metadata;
    metadata.uid = this.#random.id('');
    metadata.creationTimestamp = this.#timestamp();
    if (rest.spec !== undefined) metadata.generation = 1;
    const entry = this.#store.add(resource, { ...rest, metadata });
    entry.owners.wrote(updateManager, undefined, entry.object);
    return copyOf(entry.object);
  }

  replace(given: Document): Document {
    const entry = this.#there(this.resourceOf(given), given.metadata);
    const after = withoutStatusOf(entry.object, copyOf(given));
    return this.#updated(entry, after, given.metadata.resourceVersion);
  }

  patch(resource: Resource, name: ObjectName, patch: unknown, subresource?: 'status' | 'scale'): Document {
    const entry = this.#there(resource, name);
    const wanted = (patch as { metadata?: { resourceVersion?: string } } | undefined)?.metadata?.resourceVersion;
    const patched = mergePatched(entry.object, copyOf(patch)) as Document;
    if (subresource === 'status') return this.#updated(entry, withStatusOf(entry.object, patched), wanted);
    const updated = this.#updated(entry, withoutStatusOf(entry.object, patched), wanted);
    return subresource === 'scale' ? scaleOf(updated) : updated;
  }

  apply(given: Document, how: { manager: string; force: boolean; status: boolean }): Document {
    const resource = this.resourceOf(given);
    const owner = how.status ? `${how.manager}/status` : how.manager;
    const entry = this.#store.find(resource, keyOf(given));
    const { status, ...rest } = copyOf(given);
    if (!entry) {
      if (how.status) this.#there(resource, given.metadata);
      const { metadata } = this.create(rest);
      const made = this.#there(resource, metadata);
      made.owners.applied(owner, rest);
      return copyOf(made.object);
    }
    const applied = how.status
      ? { apiVersion: given.apiVersion, kind: given.kind, metadata: rest.metadata, status }
      : rest;
    const fields = how.status ? withoutMetadata(applied) : applied;
    const merged = entry.owners.apply(owner, entry.object, fields, how.force);
    const after = how.status ? withStatusOf(entry.object, merged) : withoutStatusOf(entry.object, merged);
    return this.#put(entry, after, given.metadata.resourceVersion);
  }

  delete(resource: Resource, name: ObjectName, options: DeleteOptions): void {
    const entry = this.#store.find(resource, keyFor(resource, name));
    if (!entry || (options.uid !== undefined && options.uid !== entry.object.metadata.uid)) return;
    this.#removal.remove(entry, options);
  }

  #there(resource: Resource, name: ObjectName): Entry {
    const entry = this.#store.find(resource, keyFor(resource, name));
    if (!entry) throw new KubeError('not_found', `${resource.plural} "${name.name}" not found`);
    return entry;
  }

  #updated(entry: Entry, after: Document, wantedVersion: string | undefined): Document {
    const before = entry.object;
    const answer = this.#put(entry, after, wantedVersion);
    entry.owners.wrote(updateManager, before, after);
    return answer;
  }

  /** What changes nothing makes no new version, as at the API. */
  #put(entry: Entry, after: Document, wantedVersion: string | undefined): Document {
    const before = entry.object;
    if (wantedVersion !== undefined && wantedVersion !== before.metadata.resourceVersion) {
      throw new KubeError(
        'conflict',
        `Operation cannot be fulfilled on ${entry.resource.plural} "${before.metadata.name}": the object has been modified`,
      );
    }
    if (same(before, after)) return copyOf(before);
    const metadata = { ...after.metadata };
    if (metadata.generation !== undefined && specDiffers(before, after)) metadata.generation += 1;
    const put = { ...after, metadata };
    this.#store.put(entry, put);
    this.#removal.settle(entry);
    return copyOf(put);
  }

  #timestamp(): string {
    return new Date(this.#clock.now()).toISOString().replace(/\.\d+Z$/, 'Z');
  }
}

function keyFor({ namespaced }: Resource, { name, namespace }: ObjectName): string {
  return keyOf({ metadata: { name, ...(namespaced && namespace !== undefined && { namespace }) } });
}

function withoutMetadata({ metadata: { name, namespace }, ...rest }: Document): Document {
  return { ...rest, metadata: { name, ...(namespace !== undefined && { namespace }) } };
}

function scaleOf({ metadata, spec, status }: Document): Document {
  const replicas = (of: unknown) => (of as { replicas?: number } | undefined)?.replicas ?? 0;
  return {
    apiVersion: 'autoscaling/v1',
    kind: 'Scale',
    metadata,
    spec: { replicas: replicas(spec) },
    status: { replicas: replicas(status) },
  };
}
