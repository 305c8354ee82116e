import { canonicalJson, type Clock } from '@flotilla/kernel';
import { objectName, type KubeApi, type KubeObject } from '@flotilla/kubernetes';
import type { Model, ModelStatus } from '../models/model.ts';
import { fleetManager } from '../models/names.ts';

/** At most one write in this time, milliseconds. */
const intervalMs = 1_000;
/** Figures alone, in words or counts of requests, are told this often. Milliseconds. */
const figuresIntervalMs = 30_000;

/** Writes a Model's status when it says something new. */
export class StatusWriter {
  private written: { at: number; all: string; state: string } | undefined;

  constructor(
    private readonly api: Pick<KubeApi, 'applyStatus'>,
    private readonly clock: Clock,
  ) {}

  /** Returns the milliseconds after which it is worth to come again; undefined: all is told. */
  async write(model: Omit<Model, 'spec'>, status: ModelStatus, signal: AbortSignal): Promise<number | undefined> {
    const now = this.clock.monotonic();
    const all = canonicalJson(status);
    const state = canonicalJson(withoutFigures(status));
    const known = this.written ?? {
      at: -Infinity,
      all: canonicalJson(model.status ?? {}),
      state: canonicalJson(withoutFigures(model.status ?? {})),
    };
    if (known.all === all) return undefined;
    const wait = known.at + (known.state === state ? figuresIntervalMs : intervalMs) - now;
    if (wait > 0) return wait;
    const { apiVersion, kind } = model;
    const told: KubeObject & { status: ModelStatus } = {
      ...{ apiVersion, kind, status },
      metadata: objectName(model),
    };
    await this.api.applyStatus(told, { manager: fleetManager, signal });
    this.written = { at: now, all, state };
    return undefined;
  }
}

function withoutFigures({ scaling, canary, conditions, ...status }: ModelStatus): unknown {
  const { desired, mode, byProfile, reason } = scaling ?? {};
  // What is idle has no figures that move: how deep it sleeps is told at once.
  const said = mode === 'idle' ? reason : undefined;
  const judged = canary && { weight: canary.weight, verdict: canary.verdict };
  const held = conditions?.map(({ message, ...condition }) =>
    condition.type === 'Progressing' || condition.type === 'Ready' ? condition : { ...condition, message },
  );
  return { ...status, scaling: { desired, mode, byProfile, said }, canary: judged, conditions: held };
}
