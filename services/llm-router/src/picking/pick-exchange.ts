import { routerPicks, type Bus, type Subscription } from '@flotilla/bus';
import type { Clock, Timer } from '@flotilla/kernel';
import { beforeRead, logger } from '@flotilla/telemetry';
import type { EndpointPicker } from './endpoint-picker.ts';
import { PickSharing } from './pick-sharing.ts';

const log = logger('llm-router');
/** Milliseconds between two messages of a router. */
const intervalMs = 200;

/** Carries what routers tell each other of their picks over the bus. While the bus is away each picks by itself. */
export class PickExchange {
  readonly #bus: Bus;
  readonly #clock: Clock;
  readonly #picker: EndpointPicker;
  readonly #sharing: PickSharing;
  #timer: Timer | undefined;
  #subscription: Subscription | undefined;
  #unobserve: (() => void) | undefined;
  /** A message is on its way; the next one waits for it. */
  #sending = false;

  /** `id`: of this process, and no other. */
  constructor(bus: Bus, clock: Clock, picker: EndpointPicker, id: string) {
    this.#bus = bus;
    this.#clock = clock;
    this.#picker = picker;
    this.#sharing = new PickSharing(id, picker);
  }

  async start(): Promise<void> {
    this.#unobserve = beforeRead(() => this.#picker.report());
    this.#subscription = await this.#bus.subscribe(routerPicks, (picks) =>
      this.#sharing.take(picks, this.#clock.monotonic()),
    );
    this.#timer = this.#clock.every(intervalMs, () => void this.#tell());
  }

  async stop(): Promise<void> {
    this.#timer?.cancel();
    this.#unobserve?.();
    await this.#subscription?.close();
  }

  async #tell(): Promise<void> {
    if (this.#sending) return;
    const message = this.#sharing.message(this.#clock.monotonic());
    if (!message) return;
    this.#sending = true;
    try {
      await this.#bus.publish(routerPicks, message);
    } catch (error) {
      log.debug('other routers could not be told what is picked', { error });
    } finally {
      this.#sending = false;
    }
  }
}
