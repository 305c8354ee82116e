import { HelmError, type Helm, type HelmObject, type Values } from '@flotilla/helm';
import type { Clock } from '@flotilla/kernel';
import { hashOf } from '../models/shape.ts';
import type { Chart } from './chart.ts';
import { rendersTotal } from './reconciling.metrics.ts';
import type { Rendering } from './rendering.ts';

/** Renderings that are kept; the one that was used longest ago goes first. A Model in a rollout needs three. */
const maxKept = 1_000;
/** helm has so long, milliseconds. */
const timeoutMs = 20_000;
/** What could not be rendered is tried again after this, doubled each time. Milliseconds. */
const firstPauseMs = 5_000;
const longestPauseMs = 300_000;

interface Failure {
  readonly error: HelmError;
  readonly until: number;
  readonly pauseMs: number;
}

/** The chart did not render: helm's own words. */
export class RenderFailed extends Error {
  override readonly name = 'RenderFailed';
}

/** Objects from values, by helm; the same values are rendered once. How many helms run at once is for the port to bound. */
export class Renderer {
  private readonly kept = new Map<string, Rendering>();
  private readonly failures = new Map<string, Failure>();

  constructor(
    private readonly helm: Pick<Helm, 'template'>,
    private readonly chart: Chart,
    private readonly clock: Clock,
  ) {}

  /** `earlier`: what others rendered of it, of whatever values. Throws RenderFailed; for a while with what helm said the last time. */
  async render(
    release: string,
    namespace: string,
    values: Values,
    signal: AbortSignal,
    earlier: () => readonly Rendering[] = () => [],
  ): Promise<Rendering> {
    const key = hashOf([this.chart.digest, release, namespace, values]);
    const known = this.kept.get(key) ?? earlier().find((one) => one.key === key);
    if (known) return remember(this.kept, key, known);
    const failed = this.failures.get(key);
    if (failed && this.clock.monotonic() < failed.until) throw new RenderFailed(failed.error.message);
    const spec = { release, namespace, chart: this.chart.folder, values };
    try {
      const objects = await this.helm.template(spec, { signal, timeoutMs });
      this.failures.delete(key);
      rendersTotal.add(1, { outcome: 'ok' });
      return remember(this.kept, key, { key, objects: objects.filter(isApplied) });
    } catch (error) {
      if (!(error instanceof HelmError) || error.kind === 'cancelled') throw error;
      rendersTotal.add(1, { outcome: error.kind });
      const pauseMs = Math.min(longestPauseMs, (failed?.pauseMs ?? firstPauseMs / 2) * 2);
      remember(this.failures, key, { error, pauseMs, until: this.clock.monotonic() + pauseMs });
      throw new RenderFailed(error.message);
    }
  }
}

/** What is there for `helm test` alone is nothing of the Model's. */
function isApplied({ metadata }: HelmObject): boolean {
  return !metadata.annotations?.['helm.sh/hook']?.startsWith('test');
}

function remember<V>(kept: Map<string, V>, key: string, value: V): V {
  kept.delete(key);
  kept.set(key, value);
  if (kept.size > maxKept) kept.delete(kept.keys().next().value!);
  return value;
}
