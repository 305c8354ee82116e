import type { Clock } from '@flotilla/kernel';
import { logger } from '@flotilla/telemetry';
import { deadlineSignal } from '../deadline-signal.ts';
import type { AdapterSpec } from '../models/model-spec.ts';
import { ProbeFailure } from '../probe.ts';
import { planAdapters, type AdapterHost } from './adapter-plan.ts';
import type { PodEngine } from './pod-engine.ts';
import { adapterOrders } from './replicas.metrics.ts';
import type { AdapterView } from './replicas.ts';
import { AdapterRefused, type VllmControl } from './vllm-control.ts';

const log = logger('fleet');

/** What loading an adapter may take: a few hundred MB from the cache or the hub. Milliseconds. */
const loadTimeoutMs = 60_000;
/** An adapter that was asked for keeps its copies for so long after. Milliseconds. */
const holdMs = 300_000;
/** Pauses after a failed load: doubling from the first to the last; one that was refused is left alone for the longest. Milliseconds. */
const backoffMs = { first: 1_000, last: 60_000, refused: 300_000 };

export interface AdapterParts {
  readonly clock: Clock;
  readonly control: VllmControl;
  readonly graceMs: number;
  specs(): readonly AdapterSpec[];
  /** Requests a replica is to have of one adapter. */
  perReplica(): number;
  /** What requests wait for. */
  waitedFor(): ReadonlySet<string>;
  fail(name: string, reason: string): void;
  changed(): void;
}

interface Failure {
  readonly times: number;
  readonly until: number;
  readonly path: string;
  readonly reason: string;
}

/** The LoRA adapters of one Model: on how many replicas each is, and on which. */
export class Adapters {
  demand: ReadonlyMap<string, number> = new Map();
  /** Copies that were wanted lately; as many as there are adapters. */
  private readonly held = new Map<string, { copies: number; at: number }>();
  /** Names this controller may take away again. Bounded by what specs have named since its start. */
  private readonly known = new Set<string>();
  private failures = new WeakMap<PodEngine, Map<string, Failure>>();
  /** Not told any more, since when: they are taken away once routers know. */
  private hidden = new Map<PodEngine, Map<string, number>>();
  private readonly messages = new Map<string, string>();
  private readonly busy = new Map<PodEngine, Promise<void>>();
  private readonly closing = new AbortController();

  constructor(private readonly parts: AdapterParts) {}

  isHidden(engine: PodEngine, name: string): boolean {
    return this.hidden.get(engine)?.has(name) ?? false;
  }

  /** There are none, and there were none. */
  get none(): boolean {
    return this.parts.specs().length === 0 && this.known.size === 0;
  }

  /** Begins the loads and unloads that are due. */
  step(ready: readonly PodEngine[]): void {
    if (this.closing.signal.aborted) return;
    const specs = this.parts.specs();
    for (const { name } of specs) this.known.add(name);
    const wanted = specs.map((spec) => ({ name: spec.name, copies: this.copies(spec) }));
    const paths = new Map(specs.map(({ name, path }) => [name, path]));
    const plan = planAdapters(
      wanted,
      ready.map((engine) => this.hostOf(engine, paths)),
      this.known,
    );
    const byId = new Map(ready.map((engine) => [engine.id, engine]));
    this.hide([...plan.unload.map(({ host, name }) => [byId.get(host)!, name] as const), ...moved(ready, paths)]);
    for (const { host, name } of plan.load) this.load(byId.get(host)!, name, paths.get(name)!);
    this.unloadHidden();
    this.failWaiting(ready);
  }

  view(ready: readonly PodEngine[]): readonly AdapterView[] {
    return this.parts.specs().map((spec) => {
      const { name } = spec;
      const have = ready.filter((engine) => engine.serves(name) && !this.isHidden(engine, name)).length;
      const wanted = Math.max(spec.minReplicas, this.held.get(name)?.copies ?? 0);
      const message = have < wanted || have === 0 ? this.messages.get(name) : undefined;
      return { name, ready: have, wanted, ...(message !== undefined && { message }) };
    });
  }

  /** Why no replica that is ready will load it for now. Undefined: one has it or may, or there is none to ask. */
  refusal(name: string, ready: readonly PodEngine[]): string | undefined {
    const now = this.parts.clock.monotonic();
    const path = this.parts.specs().find((spec) => spec.name === name)?.path;
    const failures = ready.map((engine) => this.failures.get(engine)?.get(name));
    const lasting = failures.every((one) => one && one.until > now && one.path === path);
    return lasting ? failures[0]?.reason : undefined;
  }

  async close(): Promise<void> {
    this.closing.abort();
    await Promise.all(this.busy.values());
  }

  private copies({ name, minReplicas }: AdapterSpec): number {
    const now = this.parts.clock.monotonic();
    const asked = Math.ceil((this.demand.get(name) ?? 0) / this.parts.perReplica());
    const copies = Math.max(asked, this.parts.waitedFor().has(name) ? 1 : 0);
    const before = this.held.get(name);
    if (!before || copies >= before.copies || now - before.at >= holdMs) this.held.set(name, { copies, at: now });
    return Math.max(minReplicas, this.held.get(name)!.copies);
  }

  private hostOf(engine: PodEngine, paths: ReadonlyMap<string, string>): AdapterHost {
    const { id, adapters, load, requests } = engine;
    const now = this.parts.clock.monotonic();
    const failures = [...(this.failures.get(engine) ?? [])];
    return {
      ...{ id, adapters, requests, room: load?.maxAdapters ?? 0 },
      used: [...(load?.runningAdapters ?? []), ...(load?.waitingAdapters ?? [])],
      refused: failures.flatMap(([name, { until, path }]) => (until > now && path === paths.get(name) ? [name] : [])),
    };
  }

  private hide(all: readonly (readonly [PodEngine, string])[]): void {
    const before = this.hidden;
    let changed = false;
    this.hidden = new Map();
    for (const [engine, name] of all) {
      const names = this.hidden.get(engine) ?? new Map<string, number>();
      const since = before.get(engine)?.get(name);
      changed ||= since === undefined;
      this.hidden.set(engine, names.set(name, since ?? this.parts.clock.monotonic()));
    }
    if (changed) this.parts.changed();
  }

  private unloadHidden(): void {
    const due = this.parts.clock.monotonic() - this.parts.graceMs;
    for (const [engine, names] of this.hidden) {
      for (const [name, since] of names) {
        const used = engine.load?.runningAdapters?.includes(name) || engine.load?.waitingAdapters?.includes(name);
        if (since > due || engine.seenAt < since + this.parts.graceMs || used) continue;
        this.order(engine, name, 'unload', (signal) => this.parts.control.unloadAdapter(engine.address, name, signal));
      }
    }
  }

  private load(engine: PodEngine, name: string, path: string): void {
    this.order(engine, name, 'load', async (signal) => {
      try {
        await this.parts.control.loadAdapter(engine.address, { name, path }, signal);
        this.failures.get(engine)?.delete(name);
        this.messages.delete(name);
      } catch (error) {
        if (!this.closing.signal.aborted) this.note(engine, name, path, error);
        throw error;
      }
    });
  }

  private note(engine: PodEngine, name: string, path: string, error: unknown): void {
    const reason = error instanceof ProbeFailure ? error.message : 'loading it broke';
    const times = (this.failures.get(engine)?.get(name)?.times ?? 0) + 1;
    const pause = Math.min(backoffMs.last, backoffMs.first * 2 ** Math.min(times - 1, 10));
    const until = this.parts.clock.monotonic() + (error instanceof AdapterRefused ? backoffMs.refused : pause);
    const failures = this.failures.get(engine) ?? new Map<string, Failure>();
    this.failures.set(engine, failures.set(name, { times, until, path, reason }));
    this.messages.set(name, `${engine.facts.name}: ${reason}`);
  }

  /** One at a time on each engine; what finds it busy, or not sure of what it has, is planned again. */
  private order(
    engine: PodEngine,
    name: string,
    order: 'load' | 'unload',
    run: (signal: AbortSignal) => Promise<void>,
  ): void {
    if (this.busy.has(engine) || !engine.listed) return;
    const done = this.ordered(engine, name, order, run).finally(() => {
      this.busy.delete(engine);
      engine.relist();
      this.parts.changed();
    });
    this.busy.set(engine, done);
  }

  private async ordered(
    engine: PodEngine,
    adapter: string,
    order: 'load' | 'unload',
    run: (signal: AbortSignal) => Promise<void>,
  ): Promise<void> {
    const deadline = deadlineSignal(this.parts.clock, loadTimeoutMs, this.closing.signal);
    let outcome = 'done';
    try {
      await run(deadline.signal);
      log.info(`an adapter was ${order}ed`, { engine: engine.id, adapter });
    } catch (error) {
      if (this.closing.signal.aborted) return;
      outcome = error instanceof AdapterRefused ? 'refused' : 'failed';
      if (!(error instanceof ProbeFailure)) log.error('an order to an engine broke', { engine: engine.id, error });
      else log.warn(`an adapter was not ${order}ed`, { engine: engine.id, adapter, reason: error.message });
    } finally {
      deadline.clear();
    }
    adapterOrders.add(1, { order, outcome });
  }

  /** Tells those who wait for an adapter that no replica will load. */
  private failWaiting(ready: readonly PodEngine[]): void {
    for (const name of this.parts.waitedFor()) {
      const refusal = this.refusal(name, ready);
      if (refusal !== undefined) this.parts.fail(name, refusal);
    }
  }
}

/** Adapters whose place the spec has changed: they are loaded anew. */
function moved(ready: readonly PodEngine[], paths: ReadonlyMap<string, string>): (readonly [PodEngine, string])[] {
  return ready.flatMap((engine) =>
    engine.models.flatMap(({ name, adapterPath }) => {
      const wanted = paths.get(name);
      return adapterPath && wanted !== undefined && adapterPath !== wanted ? [[engine, name] as const] : [];
    }),
  );
}
