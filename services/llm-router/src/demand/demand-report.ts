import { routerDemand, type Bus } from '@flotilla/bus';
import type { Clock, Random, Timer } from '@flotilla/kernel';
import { logger } from '@flotilla/telemetry';
import { Demand } from './demand.ts';

const log = logger('llm-router');
/** Milliseconds between two messages. */
const intervalMs = 1_000;

/** Tells the fleet, over the bus, what is wanted of its models: every second, and at once when a first request waits for one. */
export class DemandReport {
  readonly demand: Demand;
  readonly #bus: Bus;
  readonly #clock: Clock;
  #timer: Timer | undefined;
  #soon: Timer | undefined;
  #sending = false;

  /** `id`: of this process, and no other. */
  constructor(bus: Bus, clock: Clock, random: Random, id: string) {
    this.#bus = bus;
    this.#clock = clock;
    this.demand = new Demand(id, random, () => {
      this.#soon ??= clock.after(0, () => {
        this.#soon = undefined;
        void this.#tell();
      });
    });
  }

  start(): void {
    this.#timer = this.#clock.every(intervalMs, () => void this.#tell());
  }

  stop(): void {
    this.#timer?.cancel();
    this.#soon?.cancel();
  }

  /** What cannot be told now is lost: the next message says what is wanted then. */
  async #tell(): Promise<void> {
    if (this.#sending) return;
    const message = this.demand.message();
    if (!message) return;
    this.#sending = true;
    try {
      await this.#bus.publish(routerDemand, message);
    } catch (error) {
      log.debug('the fleet could not be told what is wanted', { error });
    } finally {
      this.#sending = false;
    }
  }
}
