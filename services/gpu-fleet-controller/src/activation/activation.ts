import { FlotillaError, type Clock } from '@flotilla/kernel';
import type { EngineState } from '../engine-view.ts';
import { Slot } from './slot.ts';
import type { OnDemandEngine } from './unit.ts';

/** What is known of something that runs on demand. */
export interface AutostartView {
  name: string;
  provider: string;
  models: readonly string[];
  state: EngineState;
  reason: string;
  pid: number;
  port: number;
  activeModel: string;
  /** Milliseconds since 1970. */
  since: number;
  /** Milliseconds since 1970; 0: not since the controller runs. */
  lastUsedAt: number;
  idleStopMs: number;
  logFile: string;
}

/** Everything that runs on demand, and the addresses it shares. */
export class Activation {
  /** By what has to run alone: a provider's address, or a model of a server that holds several. */
  private readonly slots = new Map<string, Slot>();
  private readonly engines = new Map<OnDemandEngine, Slot>();

  constructor(
    private readonly enabled: boolean,
    private readonly clock: Clock,
  ) {}

  /** From now on it comes and goes by requests. */
  add(engine: OnDemandEngine): void {
    const { onDemand, id } = engine;
    if (!onDemand) return;
    const key = onDemand.ollamaModel === undefined ? engine.view().provider : id;
    let slot = this.slots.get(key);
    if (!slot) this.slots.set(key, (slot = new Slot(this.clock)));
    this.engines.set(engine, slot);
    if (engine.up) slot.adopt(engine);
  }

  remove(engine: OnDemandEngine): void {
    this.engines.get(engine)?.forget(engine);
    this.engines.delete(engine);
    const held = new Set(this.engines.values());
    for (const [key, slot] of this.slots) {
      if (held.has(slot)) continue;
      this.slots.delete(key);
      void slot.close();
    }
  }

  /** The slot that has to agree to a start or a stop of it; undefined: none. */
  slotOf(engine: OnDemandEngine): Slot | undefined {
    return this.engines.get(engine);
  }

  /** Sees to it that the provider serves the model. Throws why it does not. */
  async activate(provider: string, model: string, signal: AbortSignal): Promise<OnDemandEngine> {
    const engine = this.find(provider, model);
    await this.engines.get(engine)!.activate(engine, signal);
    return engine;
  }

  /** Takes note that requests run on it; starts nothing. */
  used(provider: string, model: string): OnDemandEngine {
    const engine = this.find(provider, model);
    this.engines.get(engine)!.used(engine);
    return engine;
  }

  list(): AutostartView[] {
    const offset = this.clock.now() - this.clock.monotonic();
    return [...this.engines].map(([engine, slot]) => {
      const { state, reason, since, provider, baseUrl, models } = engine.view();
      const { label, models: served, idleStopMs } = engine.onDemand!;
      const used = slot.lastUsed(engine);
      return {
        ...{ name: label, provider, models: served, state, reason, since, idleStopMs },
        ...{ pid: engine.pid ?? 0, port: portOf(baseUrl), logFile: engine.logFile ?? '' },
        activeModel: state === 'ready' ? (models.find(({ name }) => served.includes(name))?.name ?? '') : '',
        lastUsedAt: used === undefined ? 0 : Math.round(used + offset),
      };
    });
  }

  async close(): Promise<void> {
    await Promise.all([...this.slots.values()].map((slot) => slot.close()));
  }

  private find(provider: string, model: string): OnDemandEngine {
    if (!this.enabled) {
      throw new FlotillaError(
        'engine_unavailable',
        'Nothing is started on demand: FLOTILLA_FLEET_AUTOSTART_ENABLED is off.',
      );
    }
    const own = [...this.engines.keys()].filter((engine) => engine.view().provider === provider);
    const serving = own.find((engine) => engine.onDemand!.models.includes(model));
    // What a lone process serves is only known once it runs.
    const engine = serving ?? own.find(({ onDemand }) => !onDemand!.shares);
    if (!engine) {
      throw new FlotillaError(
        'engine_unavailable',
        `Nothing of ${provider} that serves ${model} is started on demand.`,
      );
    }
    if (!engine.onDemand!.allowed) {
      const { label } = engine.onDemand!;
      throw new FlotillaError('engine_unavailable', `${label} is not in FLOTILLA_FLEET_AUTOSTART_MAP.`);
    }
    return engine;
  }
}

function portOf(url: string): number {
  return Number(new URL(url).port) || 0;
}
