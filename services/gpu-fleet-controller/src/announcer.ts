import type { Clock, Timer } from '@flotilla/kernel';
import { logger } from '@flotilla/telemetry';

const log = logger('fleet');

export interface Pace {
  /** Changes of load are told at most this often, milliseconds. */
  readonly loadIntervalMs: number;
  /** Without any change all is told this often, so that a lost event heals. Milliseconds. */
  readonly heartbeatMs: number;
}

const defaultPace: Pace = { loadIntervalMs: 1_000, heartbeatMs: 10_000 };

/** Decides when the engines are told about: changes of state at once, those of one turn together; load now and then. */
export class Announcer {
  private timer: Timer | undefined;
  private dueAt = Infinity;
  private toldAt = -Infinity;
  private open = false;

  constructor(
    private readonly tell: () => Promise<void>,
    private readonly clock: Clock,
    private readonly pace: Pace = defaultPace,
  ) {}

  start(): void {
    this.open = true;
    this.schedule(0);
  }

  stop(): void {
    this.open = false;
    this.timer?.cancel();
  }

  changed(what: 'state' | 'load'): void {
    if (!this.open) return;
    const wait = what === 'state' ? 0 : Math.max(0, this.toldAt + this.pace.loadIntervalMs - this.clock.monotonic());
    if (this.clock.monotonic() + wait < this.dueAt) this.schedule(wait);
  }

  private schedule(ms: number): void {
    this.timer?.cancel();
    this.dueAt = this.clock.monotonic() + ms;
    this.timer = this.clock.after(ms, () => this.flush());
  }

  private flush(): void {
    this.toldAt = this.clock.monotonic();
    this.tell().catch((error: unknown) => log.warn('the state of the engines could not be told', { error }));
    if (this.open) this.schedule(this.pace.heartbeatMs);
  }
}
