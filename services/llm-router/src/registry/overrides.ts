import { registryChanged, type Bus, type Subscription } from '@flotilla/bus';
import { FlotillaError, sleep, toFlotillaError, type Clock, type Timer } from '@flotilla/kernel';
import { logger } from '@flotilla/telemetry';
import type { OverrideStore } from './override-store.ts';
import { mostOverrides, readDefinition, readOverrideKey, type Override } from './override.ts';
import { registryMetrics } from './registry.metrics.ts';
import type { Registry } from './registry.ts';

const log = logger('llm-router');
const retryMs = 250;
/** Milliseconds the start waits for overrides that cannot be read; then the file holds alone until they can. */
const graceMs = 10_000;

export interface OverridesOptions {
  readonly registry: Registry;
  /** Absent: nothing can be set at run time. */
  readonly store: OverrideStore | undefined;
  readonly bus: Bus;
  readonly clock: Clock;
  /** Milliseconds between two reads, beside those that an event asks for. */
  readonly refreshMs: number;
}

/** What is set at run time over the file, as the database has it: read, written, and given to the registry. */
export class Overrides {
  readonly #options: OverridesOptions;
  /** Reads and writes run one after another, so that no older state wins over a newer. */
  #work: Promise<unknown> = Promise.resolve();
  #known: readonly Override[] = [];
  #loaded = false;
  #ended = false;
  #timer: Timer | undefined;
  #changes: Subscription | undefined;

  constructor(options: OverridesOptions) {
    this.#options = options;
  }

  /** Resolves when they were read, or after 10 s without: no request is answered before that by the file alone. */
  async start(): Promise<void> {
    const { store, bus, clock } = this.#options;
    if (!store) return;
    this.#changes = await bus.subscribe(registryChanged, () => this.#load());
    await Promise.race([this.#untilLoaded(), sleep(clock, graceMs)]);
    if (!this.#loaded) log.error('what was set at run time could not be read: the file holds alone until it can');
  }

  async stop(): Promise<void> {
    this.#ended = true;
    this.#timer?.cancel();
    await this.#changes?.close();
  }

  /** As the database has them now, or, when it is away, as it had them last. */
  async list(): Promise<readonly Override[]> {
    if (this.#options.store) await this.#load();
    return this.#known;
  }

  /** Holds for every request that comes after. Throws `invalid_request` when the whole would not be valid with it. */
  set(kind: string, name: string, definitionJson: string, updatedBy: string): Promise<Override> {
    const { registry, clock } = this.#options;
    const key = readOverrideKey(kind, name);
    const definition = readDefinition(definitionJson);
    const override = { ...key, definition, updatedAt: clock.now(), updatedBy };
    return this.#change(async (store) => {
      const all = await store.put(override, (next) => {
        if (next.length > mostOverrides) throw tooMany();
        registry.check(next);
      });
      return { all, answer: override };
    });
  }

  /** Whether there was one. Throws `invalid_request` when the whole would not be valid without it. */
  delete(kind: string, name: string): Promise<boolean> {
    const { registry } = this.#options;
    const key = readOverrideKey(kind, name);
    return this.#change(async (store) => {
      const all = await store.remove(key, (next, before) => {
        // Where they do not fit together already, taking them away one by one is the way out.
        if (registry.fits(before)) registry.check(next);
      });
      return { all, answer: all !== undefined };
    });
  }

  /** A change of ours, in force here before it is told. */
  #change<T>(run: (store: OverrideStore) => Promise<{ all: readonly Override[] | undefined; answer: T }>): Promise<T> {
    const { store, bus } = this.#options;
    if (!store) throw new FlotillaError('unavailable', 'Nothing can be set at run time: the router has no database.');
    return this.#next(async () => {
      const { all, answer } = await run(store);
      if (all === undefined) return answer;
      this.#take(all);
      await bus.publish(registryChanged, {}).catch((error: unknown) => {
        log.warn('a change of the registry could not be announced; other routers read it in time', { error });
      });
      return answer;
    });
  }

  async #untilLoaded(): Promise<void> {
    const { clock, refreshMs } = this.#options;
    await this.#load();
    while (!this.#loaded && !this.#ended) {
      await sleep(clock, retryMs);
      await this.#load();
    }
    if (!this.#ended) this.#timer = clock.every(refreshMs, () => void this.#load());
  }

  #load(): Promise<void> {
    return this.#next(async () => {
      if (this.#ended) return;
      try {
        this.#take(await this.#options.store!.list());
        this.#loaded = true;
        registryMetrics.unread(false);
      } catch (error) {
        registryMetrics.unread(true);
        log.debug('what was set at run time could not be read', { code: toFlotillaError(error).code });
      }
    });
  }

  #take(all: readonly Override[]): void {
    if (JSON.stringify(all) === JSON.stringify(this.#known)) return;
    this.#known = all;
    this.#options.registry.override(all);
  }

  #next<T>(run: () => Promise<T>): Promise<T> {
    const work = this.#work.then(run);
    this.#work = work.catch(() => undefined);
    return work;
  }
}

function tooMany(): FlotillaError {
  const text = `At most ${mostOverrides} models, providers and settings can be set at run time. Delete some first.`;
  return new FlotillaError('invalid_request', text);
}
