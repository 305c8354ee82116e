import type { Clock } from '@flotilla/kernel';
import type { DeleteOptions } from '../kube-api.ts';
import type { Document } from './documents.ts';
import type { Entry, Store } from './store.ts';

const untilDependentsAreGone = 'foregroundDeletion';

/** How objects go: finalizers, a pod's time to end, what they own. */
export class Removal {
  readonly #store: Store;
  readonly #clock: Clock;

  constructor(store: Store, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
  }

  remove(entry: Entry, { propagation = 'Background', gracePeriodSeconds }: DeleteOptions = {}): void {
    const { metadata } = entry.object;
    const graceSeconds = graceOf(entry, gracePeriodSeconds);
    const finalizers = [...(metadata.finalizers ?? [])];
    const { uid } = metadata;
    if (propagation === 'Orphan') for (const owned of this.#store.ownedBy(uid!)) this.#disown(owned, uid!);
    const dependents = propagation === 'Foreground' ? this.#store.ownedBy(uid!) : [];
    if (dependents.length > 0 && !finalizers.includes(untilDependentsAreGone)) finalizers.push(untilDependentsAreGone);
    if (finalizers.length === 0 && graceSeconds === 0) {
      this.#gone(entry);
      return;
    }
    this.#mark(entry, finalizers, graceSeconds);
    for (const owned of dependents) this.remove(owned, { propagation });
  }

  /** To be called after each write: an object that is to go goes with its last finalizer. */
  settle(entry: Entry): void {
    const { deletionTimestamp, finalizers = [] } = entry.object.metadata;
    const due = deletionTimestamp !== undefined && Date.parse(deletionTimestamp) <= this.#clock.now();
    if (due && finalizers.length === 0 && this.#isThere(entry)) this.#gone(entry);
  }

  #isThere(entry: Entry): boolean {
    return this.#store.find(entry.resource, entry.key) === entry;
  }

  #mark(entry: Entry, finalizers: string[], graceSeconds: number): void {
    const { object } = entry;
    const before = object.metadata.deletionTimestamp;
    const at = new Date(this.#clock.now() + graceSeconds * 1_000).toISOString();
    if (before !== undefined && Date.parse(before) <= Date.parse(at)) return;
    const metadata = { ...object.metadata, deletionTimestamp: at, deletionGracePeriodSeconds: graceSeconds };
    this.#store.put(entry, { ...object, metadata: finalizers.length > 0 ? { ...metadata, finalizers } : metadata });
    if (graceSeconds > 0) this.#clock.after(graceSeconds * 1_000, () => this.settle(entry));
  }

  #gone(entry: Entry): void {
    const { uid, ownerReferences = [] } = entry.object.metadata;
    this.#store.remove(entry);
    for (const owned of this.#store.ownedBy(uid!)) {
      const others = owned.object.metadata.ownerReferences!.filter((owner) => owner.uid !== uid);
      if (others.some((owner) => this.#store.byUid(owner.uid))) this.#disown(owned, uid!);
      else this.remove(owned);
    }
    for (const owner of ownerReferences) this.#unblock(owner.uid);
  }

  /** An owner that waits for its dependents goes after the last. */
  #unblock(uid: string): void {
    if (this.#store.ownedBy(uid).length > 0) return;
    const owner = this.#store.byUid(uid);
    const finalizers = owner?.object.metadata.finalizers ?? [];
    if (!owner || !finalizers.includes(untilDependentsAreGone)) return;
    this.#store.put(
      owner,
      withFinalizers(
        owner.object,
        finalizers.filter((name) => name !== untilDependentsAreGone),
      ),
    );
    this.settle(owner);
  }

  #disown(entry: Entry, uid: string): void {
    const { metadata } = entry.object;
    const ownerReferences = metadata.ownerReferences!.filter((owner) => owner.uid !== uid);
    this.#store.put(entry, { ...entry.object, metadata: { ...metadata, ownerReferences } });
  }
}

function withFinalizers(object: Document, finalizers: string[]): Document {
  return { ...object, metadata: { ...object.metadata, finalizers } };
}

/** Only a pod on a node takes time to end. */
function graceOf({ resource, object }: Entry, asked: number | undefined): number {
  const spec = object.spec as { nodeName?: string; terminationGracePeriodSeconds?: number } | undefined;
  if (resource.kind !== 'Pod' || !spec?.nodeName) return 0;
  return asked ?? spec.terminationGracePeriodSeconds ?? 30;
}
