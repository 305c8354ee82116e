import type { FakeClock } from '@flotilla/testkit';
import { FlotillaError, sleep } from '@flotilla/kernel';
import type { EngineState } from '../engine-view.ts';
import type { OnDemand, OnDemandEngine } from './unit.ts';

const usual: OnDemand = {
  ...{ label: 'vllm:x', models: ['x'], shares: true, allowed: true },
  ...{ startTimeoutMs: 10_000, idleStopMs: 0, minUpMs: 0, drainMs: 5_000 },
};

/** An engine that takes 1 s to start and as long to stop, on a fake clock; the address is shared through `world`. */
export class FakeEngine implements OnDemandEngine {
  readonly pid = 1;
  readonly logFile = undefined;
  onDemand: OnDemand;
  busyAt = 0;
  /** Requests that run on it. Undefined: it does not tell. */
  running: number | undefined = 0;
  /** Why it does not start. */
  broken: string | undefined;
  /** For a moment it does not answer. */
  away = false;
  starts = 0;
  retired: string | undefined;
  private state: EngineState = 'stopped';

  constructor(
    readonly id: string,
    private readonly clock: FakeClock,
    private readonly world: { running: string[] },
    onDemand: Partial<OnDemand> = {},
  ) {
    this.onDemand = { ...usual, label: `vllm:${id}`, models: [id], ...onDemand };
  }

  get up(): boolean {
    return this.state !== 'stopped' && !this.away;
  }

  get ready(): boolean {
    return this.view().state === 'ready';
  }

  view() {
    const state = this.retired === undefined ? this.state : ('stopped' as const);
    return {
      ...{ id: this.id, provider: 'p', kind: 'vllm' as const, baseUrl: 'http://127.0.0.1:1/v1', state, models: [] },
      ...{ reason: '', since: 0, managed: true, load: undefined, activatable: [], onDemand: true },
    };
  }

  open(): void {}
  async close(): Promise<void> {}
  async settled(): Promise<void> {}

  async start(): Promise<void> {
    if (this.up) return;
    this.starts += 1;
    this.state = 'starting';
    this.world.running.push(this.id);
    await sleep(this.clock, 1_000);
    if (this.broken !== undefined) {
      await this.stop();
      throw new FlotillaError('err_model_start_timeout', this.broken);
    }
    this.state = 'ready';
  }

  async stop(): Promise<void> {
    await sleep(this.clock, 1_000);
    this.state = 'stopped';
    this.retired = undefined;
    this.world.running = this.world.running.filter((id) => id !== this.id);
  }

  retire(reason: string): void {
    this.retired = reason;
  }

  recall(): void {
    this.retired = undefined;
  }

  quietSince(): boolean | undefined {
    return this.running === undefined ? undefined : this.running === 0;
  }
}
