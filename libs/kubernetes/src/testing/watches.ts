import type { Selection, WatchEvent } from '../kube-api.ts';
import { KubeError } from '../kube-error.ts';
import type { KubeObject, Resource } from '../object.ts';
import { copyOf, type Document } from './documents.ts';
import { selectorOf } from './selectors.ts';
import { idOf, type Change, type Store } from './store.ts';

/** Events that wait for a slow reader; one more breaks its watch, as the API does. */
const mostWaiting = 50_000;

type End = { readonly error: KubeError | undefined };

interface Watcher {
  take(event: WatchEvent<KubeObject>): void;
  end(end: End): void;
}

/** Who watches the store of a memory API. */
export class Watches {
  readonly #store: Store;
  readonly #watchers = new Set<Watcher>();

  constructor(store: Store) {
    this.#store = store;
  }

  get count(): number {
    return this.#watchers.size;
  }

  /** Ends all of them: with the error, or as when their time is over. */
  end(error?: KubeError): void {
    for (const watcher of [...this.#watchers]) watcher.end({ error });
  }

  /** Tells all of them the version they have come to. */
  bookmark(): void {
    for (const watcher of this.#watchers) {
      watcher.take({ type: 'bookmark', resourceVersion: String(this.#store.version) });
    }
  }

  async *watch<T extends KubeObject>(
    resource: Resource<T>,
    selection: Selection,
    resourceVersion: string,
    signal: AbortSignal,
  ): AsyncIterable<WatchEvent<T>> {
    const selects = selectorOf(selection);
    const waiting: WatchEvent<KubeObject>[] = [];
    let ended: End | undefined;
    let wake: () => void = () => undefined;
    const watcher: Watcher = {
      take(event) {
        if (waiting.length >= mostWaiting)
          watcher.end({ error: new KubeError('unavailable', 'the watch fell behind') });
        else waiting.push(event);
        wake();
      },
      end(end) {
        ended ??= end;
        wake();
      },
    };
    const tell = (change: Change): void => {
      const event = idOf(change.resource) === idOf(resource) ? eventOf(change, selects) : undefined;
      if (event) watcher.take(event);
    };
    for (const change of this.#store.changesAfter(Number(resourceVersion))) tell(change);
    const forget = this.#store.onChange(tell);
    const onAbort = () => watcher.end({ error: undefined });
    signal.addEventListener('abort', onAbort, { once: true });
    this.#watchers.add(watcher);
    try {
      for (;;) {
        while (waiting.length > 0 && !signal.aborted) yield waiting.shift()! as WatchEvent<T>;
        if (signal.aborted) return;
        if (ended?.error) throw ended.error;
        if (ended) return;
        await new Promise<void>((resolve) => (wake = resolve));
      }
    } finally {
      forget();
      this.#watchers.delete(watcher);
      signal.removeEventListener('abort', onAbort);
    }
  }
}

/** What a change is for those who see only what a selector lets through. */
function eventOf(
  { before, now, version }: Change,
  selects: (object: KubeObject) => boolean,
): WatchEvent<KubeObject> | undefined {
  const was = before !== undefined && selects(before);
  const is = now !== undefined && selects(now);
  if (is) return { type: was ? 'modified' : 'added', object: copyOf(now) };
  if (!was) return undefined;
  const gone: Document = { ...before, metadata: { ...before.metadata, resourceVersion: String(version) } };
  return { type: 'deleted', object: copyOf(gone) };
}
