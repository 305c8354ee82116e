import type { Clock } from '@flotilla/kernel';
import type { RouterConfig } from '../config.ts';
import type { EndpointPicker } from '../picking/endpoint-picker.ts';
import { Attempts } from './failover.ts';
import { EngineClient } from '../providers/engine-client.ts';
import type { Resolution } from '../registry/registry.ts';
import { Watchdog } from './watchdog.ts';

/** Something that runs on an engine and ends with the service. */
export interface Running {
  abandon(): void;
}

/** What all requests share: connections, the picker, the limits of time, and who is under way. */
export class Engines {
  readonly clock: Clock;
  readonly config: RouterConfig;
  readonly client: EngineClient;
  readonly watchdog: Watchdog;
  readonly picker: EndpointPicker;
  /** Bounded by the endpoints' own bounds. */
  readonly #running = new Set<Running>();
  #idle: (() => void)[] = [];

  constructor(config: RouterConfig, clock: Clock, picker: EndpointPicker) {
    this.clock = clock;
    this.config = config;
    this.watchdog = new Watchdog(clock);
    this.client = new EngineClient(config, this.watchdog);
    this.picker = picker;
  }

  attempts(resolution: Resolution, requestId: string): Attempts {
    return new Attempts(resolution, requestId, this.picker, this.clock, this.config);
  }

  enter(running: Running): void {
    this.#running.add(running);
  }

  leave(running: Running): void {
    this.#running.delete(running);
    if (this.#running.size > 0 || this.#idle.length === 0) return;
    for (const resolve of this.#idle.splice(0)) resolve();
  }

  /** Resolves when nothing is under way, or the signal aborts. */
  drain(signal: AbortSignal): Promise<void> {
    if (this.#running.size === 0 || signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      this.#idle.push(resolve);
      signal.addEventListener('abort', () => resolve(), { once: true });
    });
  }

  async close(): Promise<void> {
    for (const running of this.#running) running.abandon();
    await this.client.close();
  }
}
