import { sleep, systemClock, systemRandom, type Clock, type Random } from '@flotilla/kernel';
import { logger } from '@flotilla/telemetry';
import type { Followed, FollowOptions } from './followed.ts';
import { Held } from './held.ts';
import type { KubeApi, Selection } from './kube-api.ts';
import { KubeError, type KubeErrorKind } from './kube-error.ts';
import { listsTotal, watchBreaksTotal } from './kube-metrics.ts';
import { keyOf, type KubeObject, type Resource } from './object.ts';

/** Objects of one page of a list. */
const pageSize = 500;
/** Pauses between two attempts, milliseconds. */
const firstPauseMs = 500;
const longestPauseMs = 30_000;
/** A watch that lasted this long was a good one: after it, pauses begin anew. */
const goodWatchMs = 10_000;
/** After so many failures in a row the version is not trusted any more: an API restored from a backup never reaches it. */
const failuresUntilList = 5;
/** What happens to every watch some time. All else somebody has to mend: a role, a kind that is not installed, this code. */
const usual: ReadonlySet<KubeErrorKind | 'unexpected'> = new Set(['gone', 'unavailable', 'cancelled']);

const log = logger('kubernetes');

/** Lists and then watches; after a break goes on from the last version, lists anew only when that is gone. Never in a tight loop. */
export function follow<T extends KubeObject, K>(
  api: Pick<KubeApi, 'list' | 'watch'>,
  resource: Resource<T>,
  selection: Selection,
  { keep }: FollowOptions<T, K>,
  { clock = systemClock, random = systemRandom }: { clock?: Clock; random?: Random } = {},
): Followed<K> {
  const held = new Held(keep, resource);
  const stopping = new AbortController();
  const { signal } = stopping;
  let listedOnce: () => void = () => undefined;
  const synced = new Promise<void>((resolve, reject) => {
    listedOnce = resolve;
    signal.addEventListener('abort', () => reject(stopped(resource)), { once: true });
  });
  synced.catch(() => undefined);
  let version: string | undefined;
  let said = '';

  const list = async (): Promise<void> => {
    const seen = new Set<string>();
    let next: string | undefined;
    let listed: string;
    do {
      const page = await api.list(resource, selection, {
        limit: pageSize,
        signal,
        ...(next !== undefined && { next }),
      });
      for (const object of page.items) seen.add(held.put(object));
      next = page.next;
      listed = page.resourceVersion;
    } while (next !== undefined);
    held.keepOnly(seen);
    version = listed;
    said = '';
    listsTotal.add(1, { resource: resource.plural });
    listedOnce();
  };

  const watch = async (from: string): Promise<void> => {
    for await (const event of api.watch(resource, selection, from, signal)) {
      if (event.type === 'bookmark') {
        version = event.resourceVersion;
        continue;
      }
      version = event.object.metadata.resourceVersion!;
      if (event.type === 'deleted') held.remove(keyOf(event.object));
      else held.put(event.object);
    }
  };

  /** Once for each reason, until it could be listed again. */
  const say = (reason: KubeErrorKind | 'unexpected', error: string): void => {
    const text = `${reason} ${error}`;
    const level = usual.has(reason) || text === said ? 'debug' : 'warn';
    if (level === 'warn') said = text;
    log[level](`following ${resource.plural} broke off; it is tried again`, { reason, error });
  };

  const run = async (): Promise<void> => {
    let failures = 0;
    while (!signal.aborted) {
      let wantedMs = 0;
      let watchedFrom = Number.POSITIVE_INFINITY;
      try {
        if (version === undefined) await list();
        watchedFrom = clock.monotonic();
        await watch(version!);
      } catch (error) {
        if (signal.aborted) return;
        const kind = error instanceof KubeError ? error.kind : 'unexpected';
        wantedMs = error instanceof KubeError ? (error.retryAfterMs ?? 0) : 0;
        watchBreaksTotal.add(1, { resource: resource.plural, reason: kind });
        say(kind, String(error));
        if (kind === 'gone' || failures + 1 >= failuresUntilList) version = undefined;
      }
      const lasted = clock.monotonic() - watchedFrom;
      failures = lasted >= goodWatchMs ? 0 : failures + 1;
      await sleep(clock, followPauseMs(failures, wantedMs, random), signal).catch(() => undefined);
    }
  };

  const running = run();
  return {
    items: held.items,
    synced,
    onChange: (listener) => held.onChange(listener),
    async stop() {
      stopping.abort();
      await running;
    },
  };
}

function stopped(resource: Resource): KubeError {
  return new KubeError('cancelled', `following ${resource.plural} was stopped`);
}

/** Milliseconds before the next attempt after `failures` in a row: 250 to 500 at least, 30,000 at most unless the API wants longer. */
export function followPauseMs(failures: number, wantedMs: number, random: Random): number {
  const ceiling = Math.min(longestPauseMs, firstPauseMs * 2 ** Math.min(Math.max(0, failures - 1), 16));
  return Math.max(Math.min(wantedMs, 2 * longestPauseMs), ceiling * (0.5 + random.next() / 2));
}
