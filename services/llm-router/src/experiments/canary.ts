import type { Clock, ExperimentConfig } from '@flotilla/kernel';
import { RecentTimes } from '../generation/recent-times.ts';

export type CanaryConfig = NonNullable<ExperimentConfig['canary']>;

/** Standard errors by which a difference must exceed its margin: chance does that once in a hundred looks (one-sided). */
const certainty = 2.33;

/** How an answer counts. `failed`: without an answer, or with one only because another engine stood in. */
export interface Counted {
  readonly failed: boolean;
  /** Undefined: there was none, or it was not streamed. */
  readonly firstTokenMs: number | undefined;
}

/** What one arm did in the last while. */
class ArmWindow {
  readonly #all: RecentTimes;
  readonly #failed: RecentTimes;
  readonly #firstTokens: RecentTimes;

  constructor(clock: Clock, windowMs: number) {
    this.#all = new RecentTimes(clock, windowMs);
    this.#failed = new RecentTimes(clock, windowMs);
    this.#firstTokens = new RecentTimes(clock, windowMs);
  }

  add({ failed, firstTokenMs }: Counted): void {
    this.#all.add(0);
    if (failed) this.#failed.add(0);
    if (firstTokenMs !== undefined) this.#firstTokens.add(firstTokenMs);
  }

  get requests(): number {
    return this.#all.count;
  }

  get errors(): number {
    return this.#failed.count / Math.max(1, this.#all.count);
  }

  get firstTokens(): { count: number; ms: number } {
    return { count: this.#firstTokens.count, ms: this.#firstTokens.quantile(0.9) };
  }
}

/**
 * Holds a new arm against an old one over a sliding window, as this router sees them. Once it is stopped it stays so until
 * its definition changes: an arm that comes back by itself would fail some requests again and again.
 */
export class Canary {
  readonly #config: CanaryConfig;
  readonly #arm: ArmWindow;
  readonly #control: ArmWindow;
  /** Why it was stopped; undefined: it is not. */
  stopped: string | undefined;

  constructor(config: CanaryConfig, clock: Clock) {
    this.#config = config;
    this.#arm = new ArmWindow(clock, config.window_s * 1_000);
    this.#control = new ArmWindow(clock, config.window_s * 1_000);
  }

  /** True: this answer stopped it. */
  ended(arm: string, counted: Counted): boolean {
    if (arm === this.#config.arm) this.#arm.add(counted);
    else if (arm === this.#config.control) this.#control.add(counted);
    else return false;
    if (this.stopped !== undefined) return false;
    this.stopped = this.#problem();
    return this.stopped !== undefined;
  }

  #problem(): string | undefined {
    const { min_requests, error_margin, first_token_ratio } = this.#config;
    if (Math.min(this.#arm.requests, this.#control.requests) < min_requests) return undefined;
    const errors = { arm: this.#arm.errors, control: this.#control.errors };
    if (errors.arm - errors.control > error_margin + certainty * this.#standardError()) {
      return `${percent(errors.arm)} of its requests failed, of the control's ${percent(errors.control)}`;
    }
    const [arm, control] = [this.#arm.firstTokens, this.#control.firstTokens];
    if (Math.min(arm.count, control.count) < min_requests || arm.ms <= control.ms * first_token_ratio) return undefined;
    return `its first tokens took ${Math.round(arm.ms)} ms at the 90th percentile, the control's ${Math.round(control.ms)} ms`;
  }

  /** Of the difference of two shares, if the arms were alike. */
  #standardError(): number {
    const [arm, control] = [this.#arm.requests, this.#control.requests];
    const share = (this.#arm.errors * arm + this.#control.errors * control) / (arm + control);
    return Math.sqrt(share * (1 - share) * (1 / arm + 1 / control));
  }
}

function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`;
}
