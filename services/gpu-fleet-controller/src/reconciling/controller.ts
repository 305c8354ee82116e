import type { Clock, Random } from '@flotilla/kernel';
import { createWorkQueue, KubeError, type KubeErrorKind, type WorkQueue } from '@flotilla/kubernetes';
import { logger } from '@flotilla/telemetry';
import type { EngineView } from '../engine-view.ts';
import type { ScopeDemand } from '../demand/scope-demand.ts';
import type { ParsedModel } from '../models/parsed-model.ts';
import { varied } from '../varied.ts';
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
/** Models that are worked on at once: most of it is waiting for the API and for helm. */
const workers = 16;
const phases = ['Zero', 'Starting', 'Ready', 'Sleeping', 'Rolling', 'Degraded', 'Invalid', 'Deleting'];

export interface ControllerPorts extends Omit<LedModelPorts, 'demand' | 'wake'> {
  readonly clock: Clock;
  readonly random: Random;
  demandOf(scope: string): ScopeDemand | undefined;
}

/** Makes the Models of the cluster true while this process is the one that leads. A new term is a new controller. */
export class Controller {
  private readonly led = new Map<string, LedModel>();
  private readonly invalid = new Map<string, InvalidModel>();
  private readonly changes = new Set<string>();
  private readonly queue: WorkQueue;
  private settling = false;

  /** `signal` aborts when another may lead: from then on nothing is done. */
  constructor(
    private readonly ports: ControllerPorts,
    private readonly signal: AbortSignal,
  ) {
    const { clock, random } = ports;
    this.queue = createWorkQueue({ name: 'models', workers, clock, random, work: (scope) => this.reconcile(scope) });
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

  private async reconcile(scope: string): Promise<{ againMs: number } | undefined> {
    if (this.signal.aborted) return undefined;
    const parsed = this.ports.view.model(scope);
    if (!parsed) {
      await this.forget(scope);
      return undefined;
    }
    const began = this.ports.clock.monotonic();
    const done = (outcome: string) =>
      reconcileSeconds.record((this.ports.clock.monotonic() - began) / 1_000, { outcome });
    try {
      const againMs = await this.act(scope, parsed);
      done('ok');
      return againMs === undefined ? undefined : { againMs: varied(againMs, this.ports.random) };
    } catch (error) {
      if (this.signal.aborted) return undefined;
      done(error instanceof KubeError ? error.kind : 'failed');
      const againMs = error instanceof KubeError ? tryAgainMs[error.kind] : undefined;
      if (againMs === undefined) throw error;
      log.debug('a Model could not be reconciled; it is tried again', { scope, error: String(error) });
      return { againMs };
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
