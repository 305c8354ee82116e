import type { Clock } from '@flotilla/kernel';
import { KubeError, type KubeErrorKind } from '@flotilla/kubernetes';
import { logger } from '@flotilla/telemetry';
import type { EngineView } from '../engine-view.ts';
import type { ScopeDemand } from '../demand/scope-demand.ts';
import type { ParsedModel } from '../models/parsed-model.ts';
import { InvalidModel } from './invalid-model.ts';
import { LedModel, type LedModelPorts } from './led-model.ts';
import { modelReplicas, modelsByPhase, reconcileSeconds } from './reconciling.metrics.ts';

const log = logger('fleet');

/**
 * Milliseconds until another try. not_found: the watch shows the Model and the API does not, so its kind or its namespace is
 * being taken away; unavailable: nobody tells when the API is back and nothing has changed meanwhile. All else backs off.
 */
const tryAgainMs: Partial<Record<KubeErrorKind, number>> = { not_found: 30_000, unavailable: 3_000 };
/** What the watches bring within this is looked at together. Milliseconds. */
const settleMs = 20;
const phases = ['Zero', 'Starting', 'Ready', 'Sleeping', 'Rolling', 'Degraded', 'Invalid', 'Deleting'];

/** Keys that are worked on, one at a time each, again and again until it succeeds. */
export interface Queue {
  add(key: string): void;
  addAfter(key: string, ms: number): void;
  /** Resolves when nothing is worked on any more. */
  stop(): Promise<void>;
}

export interface ControllerPorts extends Omit<LedModelPorts, 'demand' | 'wake'> {
  readonly clock: Clock;
  demandOf(scope: string): ScopeDemand | undefined;
  createQueue(work: (scope: string) => Promise<void>): Queue;
}

/** Makes the Models of the cluster true while this process is the one that leads. A new term is a new controller. */
export class Controller {
  private readonly led = new Map<string, LedModel>();
  private readonly invalid = new Map<string, InvalidModel>();
  private readonly changes = new Set<string>();
  private readonly queue: Queue;
  private settling = false;

  /** `signal` aborts when another may lead: from then on nothing is done. */
  constructor(
    private readonly ports: ControllerPorts,
    private readonly signal: AbortSignal,
  ) {
    this.queue = ports.createQueue((scope) => this.reconcile(scope));
  }

  start(): void {
    for (const scope of this.ports.view.scopes()) this.changed(scope);
  }

  /** Lets go of everything; engines and workloads stay as they are. */
  async stop(): Promise<void> {
    await this.queue.stop();
    await Promise.all([...this.led.values()].map((one) => one.close(false)));
    this.led.clear();
  }

  /** Something of this Model is not what it was; undefined: of the nodes, and so of all. */
  changed(scope: string | undefined): void {
    for (const one of scope === undefined ? this.ports.view.scopes() : [scope]) this.changes.add(one);
    if (this.settling || this.signal.aborted) return;
    this.settling = true;
    this.ports.clock.after(settleMs, () => {
      this.settling = false;
      if (this.signal.aborted) return;
      for (const one of this.changes) {
        this.led.get(one)?.refresh();
        this.queue.add(one);
      }
      this.changes.clear();
    });
  }

  /** Somebody waits for it: it is looked at now. */
  wake(scope: string): void {
    if (!this.signal.aborted) this.queue.add(scope);
  }

  find(scope: string): LedModel | undefined {
    const found = this.led.get(scope);
    return found?.closed ? undefined : found;
  }

  engines(scope: string): readonly EngineView[] | undefined {
    return this.find(scope)?.engines();
  }

  /** For the metrics: how many Models there are of each phase. */
  count(): void {
    const counts = new Map(phases.map((phase) => [phase, 0]));
    for (const scope of this.ports.view.scopes()) {
      const phase = this.ports.view.model(scope)?.model.status?.phase;
      if (phase !== undefined && counts.has(phase)) counts.set(phase, counts.get(phase)! + 1);
    }
    for (const [phase, count] of counts) modelsByPhase.set(count, { phase });
  }

  private async reconcile(scope: string): Promise<void> {
    if (this.signal.aborted) return;
    const parsed = this.ports.view.model(scope);
    if (!parsed) return this.forget(scope);
    const began = this.ports.clock.monotonic();
    const done = (outcome: string) =>
      reconcileSeconds.record((this.ports.clock.monotonic() - began) / 1_000, { outcome });
    try {
      const nextMs = await this.act(scope, parsed);
      done('ok');
      if (nextMs !== undefined) this.queue.addAfter(scope, nextMs);
    } catch (error) {
      if (this.signal.aborted) return;
      done(error instanceof KubeError ? error.kind : 'failed');
      const again = error instanceof KubeError ? tryAgainMs[error.kind] : undefined;
      if (again !== undefined) return this.queue.addAfter(scope, again);
      log.warn('a Model could not be reconciled; it is tried again', { scope, error });
      throw error;
    }
  }

  private async act(scope: string, parsed: ParsedModel): Promise<number | undefined> {
    if (parsed.problem !== undefined) {
      const invalid = this.invalid.get(scope) ?? new InvalidModel(this.ports.api, this.ports.clock);
      this.invalid.set(scope, invalid);
      await invalid.tell(parsed.model, parsed.problem, this.signal);
      return undefined;
    }
    this.invalid.delete(scope);
    let led = this.led.get(scope);
    if (!led) {
      const demand = this.ports.demandOf(scope);
      if (!demand) return undefined;
      const wake = (one: string) => this.wake(one);
      led = new LedModel(scope, parsed.model, { ...this.ports, demand, wake }, this.signal);
      this.led.set(scope, led);
      led.refresh();
    }
    return led.actor.act(parsed.model, this.signal);
  }

  private async forget(scope: string): Promise<void> {
    const led = this.led.get(scope);
    this.invalid.delete(scope);
    this.led.delete(scope);
    if (!led) return;
    for (const is of ['wanted', 'there', 'ready', 'asleep']) modelReplicas.set(0, { model: scope, is });
    await led.close(true);
  }
}
