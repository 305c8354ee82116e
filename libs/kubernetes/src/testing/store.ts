import { KubeError } from '../kube-error.ts';
import { keyOf, type Resource } from '../object.ts';
import type { Document } from './documents.ts';
import { FieldOwners } from './field-owners.ts';

/** Changes that watches can go on from; older ones are gone. */
const mostChanges = 20_000;

export interface Entry {
  readonly resource: Resource;
  readonly key: string;
  readonly owners: FieldOwners;
  object: Document;
}

/** `before` and `now`: what was there, and what is. One of them may be absent, never both. */
export interface Change {
  readonly version: number;
  readonly resource: Resource;
  readonly before: Document | undefined;
  readonly now: Document | undefined;
}

/** Objects by resource, each change numbered; what is stored is never changed, only put anew. */
export class Store {
  readonly #entries = new Map<string, Map<string, Entry>>();
  readonly #sorted = new Map<string, readonly Entry[]>();
  readonly #byUid = new Map<string, Entry>();
  readonly #byOwner = new Map<string, Set<Entry>>();
  readonly #listeners = new Set<(change: Change) => void>();
  #changes: Change[] = [];
  #version = 1;
  #expired = 0;

  get version(): number {
    return this.#version;
  }

  get count(): number {
    return this.#byUid.size;
  }

  find(resource: Resource, key: string): Entry | undefined {
    return this.#of(resource).get(key);
  }

  /** By key, in order. */
  all(resource: Resource): readonly Entry[] {
    const id = idOf(resource);
    let sorted = this.#sorted.get(id);
    if (!sorted) {
      sorted = [...this.#of(resource).values()].sort((one, other) => (one.key < other.key ? -1 : 1));
      this.#sorted.set(id, sorted);
    }
    return sorted;
  }

  add(resource: Resource, object: Document): Entry {
    const entry: Entry = { resource, key: keyOf(object), owners: new FieldOwners(), object };
    this.#of(resource).set(entry.key, entry);
    this.#byUid.set(object.metadata.uid!, entry);
    this.#sorted.delete(idOf(resource));
    this.#indexOwners(entry, 'add');
    this.#changed(resource, undefined, entry.object);
    return entry;
  }

  put(entry: Entry, object: Document): void {
    const before = entry.object;
    this.#indexOwners(entry, 'delete');
    entry.object = object;
    this.#indexOwners(entry, 'add');
    this.#changed(entry.resource, before, entry.object);
  }

  remove(entry: Entry): void {
    if (!this.#of(entry.resource).delete(entry.key)) return;
    this.#byUid.delete(entry.object.metadata.uid!);
    this.#sorted.delete(idOf(entry.resource));
    this.#indexOwners(entry, 'delete');
    this.#changed(entry.resource, entry.object, undefined);
  }

  /** Those whose metadata names that uid as an owner. */
  ownedBy(uid: string): readonly Entry[] {
    return [...(this.#byOwner.get(uid) ?? [])];
  }

  byUid(uid: string): Entry | undefined {
    return this.#byUid.get(uid);
  }

  /** Changes after a version; throws kind `gone` when they are not all kept. */
  changesAfter(version: number): readonly Change[] {
    if (version < this.#expired) {
      throw new KubeError('gone', `too old resource version: ${version} (${this.#expired})`);
    }
    return this.#changes.filter((change) => change.version > version);
  }

  /** Forgets all changes up to now. */
  expire(): void {
    this.#changes = [];
    this.#expired = this.#version;
  }

  onChange(listener: (change: Change) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #of(resource: Resource): Map<string, Entry> {
    const id = idOf(resource);
    let entries = this.#entries.get(id);
    if (!entries) this.#entries.set(id, (entries = new Map()));
    return entries;
  }

  #indexOwners(entry: Entry, what: 'add' | 'delete'): void {
    for (const { uid } of entry.object.metadata.ownerReferences ?? []) {
      const owned = this.#byOwner.get(uid) ?? new Set();
      owned[what](entry);
      if (owned.size > 0) this.#byOwner.set(uid, owned);
      else this.#byOwner.delete(uid);
    }
  }

  #changed(resource: Resource, before: Document | undefined, now: Document | undefined): void {
    this.#version += 1;
    const resourceVersion = String(this.#version);
    if (now) now.metadata.resourceVersion = resourceVersion;
    // What is told of an object that went is its last state at the version it went in.
    const last = now ? before : before && { ...before, metadata: { ...before.metadata, resourceVersion } };
    const change: Change = { version: this.#version, resource, before: last, now };
    this.#changes.push(change);
    if (this.#changes.length > 2 * mostChanges) {
      this.#changes = this.#changes.slice(-mostChanges);
      this.#expired = this.#changes[0]!.version - 1;
    }
    for (const listener of this.#listeners) listener(change);
  }
}

export function idOf({ apiVersion, plural }: Resource): string {
  return `${apiVersion}/${plural}`;
}
