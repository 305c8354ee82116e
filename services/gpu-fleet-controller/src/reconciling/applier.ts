import type { Clock } from '@flotilla/kernel';
import { KubeError, objectName, type KubeApi, type KubeObject, type Workload } from '@flotilla/kubernetes';
import { annotationNames, fleetManager } from '../models/names.ts';
import { ownedFields } from './owned-fields.ts';
import { appliedResource, partKey } from './parts.ts';
import { appliesTotal } from './reconciling.metrics.ts';

/** The watch shows what was done within this; longer, and it is done again. Milliseconds. */
const shownWithinMs = 10_000;
/** What somebody changes again and again, or the API refuses, is tried at most this often, doubled up to the longest. Milliseconds. */
const firstPauseMs = 1_000;
const longestPauseMs = 300_000;
/** Left alone for so long, pauses begin anew. Milliseconds. */
const calmAfterMs = 600_000;

interface Attempt {
  readonly hash: string;
  readonly at: number;
  readonly pauseMs: number;
  /** Version it had in the watch then; undefined: it was not there. */
  readonly before: string | undefined;
  /** Why the API refused it. */
  readonly refused?: KubeError;
  /** What the API made of the fields that are ours: defaults and other spellings are no drift. */
  readonly fields?: string;
  /** The watch has moved on since. */
  shown?: boolean;
}

/** What an object was last found to be right for, and at which version. */
interface Right {
  readonly hash: string;
  readonly version: string | undefined;
}

/** Makes the objects of one Model what they are to be, and keeps them so. While nothing differs, it makes no call. */
export class Applier {
  /** By kind and name; bounded by what the chart renders for a Model. */
  private readonly attempts = new Map<string, Attempt>();
  /** The same: what has not changed since is not compared again. */
  private readonly right = new Map<string, Right>();

  constructor(
    private readonly api: Pick<KubeApi, 'apply' | 'patch' | 'delete'>,
    /** As the watch shows it now. */
    private readonly live: (object: KubeObject) => KubeObject | undefined,
    private readonly clock: Clock,
  ) {}

  /** Throws KubeError; for a while what the API refused the last time. */
  async apply(wanted: KubeObject, signal: AbortSignal): Promise<void> {
    const live = this.live(wanted);
    const hash = hashIn(wanted);
    const before = this.last(wanted, hash);
    if (before && live && live.metadata.resourceVersion !== before.before) before.shown = true;
    if (live?.metadata.deletionTimestamp !== undefined || this.isRight(wanted, hash, live, before)) return;
    await this.attempt(wanted, hash, live, before, async () => {
      const shown = await this.api.apply(wanted, { manager: fleetManager, force: true, signal });
      appliesTotal.add(1, { kind: wanted.kind, action: live ? (before ? 'mended' : 'changed') : 'made' });
      this.right.set(partKey(wanted), { hash, version: shown.metadata.resourceVersion });
      return { fields: ownedFields(wanted, shown) };
    });
  }

  /** Changes the count of a workload that was rendered from another chart: nothing else of it is touched. */
  async scale(live: Workload, replicas: number, signal: AbortSignal): Promise<void> {
    if (live.spec.replicas === replicas) return;
    const hash = `replicas ${replicas}`;
    await this.attempt(live, hash, live, this.last(live, hash), async () => {
      await this.api.patch(appliedResource(live)!, objectName(live), { spec: { replicas } }, { signal });
      appliesTotal.add(1, { kind: live.kind, action: 'scaled' });
      return {};
    });
  }

  async remove(live: KubeObject, signal: AbortSignal): Promise<void> {
    if (live.metadata.deletionTimestamp !== undefined) return;
    const { uid } = live.metadata;
    await this.attempt(live, 'removed', live, this.last(live, 'removed'), async () => {
      const only = uid !== undefined && { uid };
      await this.api.delete(appliedResource(live)!, objectName(live), { ...only, propagation: 'Background', signal });
      appliesTotal.add(1, { kind: live.kind, action: 'removed' });
      return {};
    });
  }

  /** Nothing is remembered any more of what is not among these. */
  keepOnly(keys: ReadonlySet<string>): void {
    for (const known of [this.attempts, this.right]) {
      for (const key of known.keys()) if (!keys.has(key)) known.delete(key);
    }
  }

  private isRight(wanted: KubeObject, hash: string, live: KubeObject | undefined, known: Attempt | undefined): boolean {
    // A Job that is done may be cleaned away: what it did is done.
    if (!live) return wanted.kind === 'Job' && known?.fields !== undefined;
    const version = live.metadata.resourceVersion;
    const right = this.right.get(partKey(wanted));
    if (version !== undefined && right?.hash === hash && right.version === version) return true;
    if (hashIn(live) !== hash) return false;
    if (ownedFields(wanted, live) !== (known?.fields ?? ownedFields(wanted, wanted))) return false;
    this.right.set(partKey(wanted), { hash, version });
    return true;
  }

  private last(object: KubeObject, hash: string): Attempt | undefined {
    const attempt = this.attempts.get(partKey(object));
    return attempt?.hash === hash ? attempt : undefined;
  }

  private async attempt(
    object: KubeObject,
    hash: string,
    live: KubeObject | undefined,
    before: Attempt | undefined,
    run: () => Promise<Pick<Attempt, 'fields'>>,
  ): Promise<void> {
    const at = this.clock.monotonic();
    const shown = live?.metadata.resourceVersion;
    if (before) {
      // While the watch has not moved since it was done, it is only late.
      const late = before.refused === undefined && !before.shown && shown === before.before;
      const wait = late ? Math.max(shownWithinMs, before.pauseMs) : before.pauseMs;
      if (at < before.at + wait) {
        if (before.refused) throw before.refused;
        return;
      }
    }
    const again = before !== undefined && at < before.at + before.pauseMs + calmAfterMs;
    const pauseMs = again ? Math.min(longestPauseMs, before.pauseMs * 2) : firstPauseMs;
    const attempt = { hash, at, pauseMs, before: shown };
    try {
      this.attempts.set(partKey(object), { ...attempt, ...(await run()) });
    } catch (error) {
      if (isRefusal(error)) this.attempts.set(partKey(object), { ...attempt, refused: error });
      throw error;
    }
  }
}

/** The API took a look at it and says no: another try at once does not help. */
export function isRefusal(error: unknown): error is KubeError {
  return error instanceof KubeError && error.kind !== 'unavailable' && error.kind !== 'cancelled';
}

function hashIn({ metadata }: KubeObject): string {
  return metadata.annotations?.[annotationNames.applied] ?? '';
}
