import type { ProviderConfig } from '@flotilla/kernel';
import type { EngineView } from '../engine-view.ts';

/** How something that runs on demand comes and goes. Milliseconds. */
export interface OnDemand {
  /** As the autostart map calls it: vllm:<service>, ollama:<model>, command:<provider>. */
  readonly label: string;
  /** What it serves when it runs. */
  readonly models: readonly string[];
  /** Others run at the same address: what answers there without one of its models is not it. */
  readonly shares: boolean;
  /** The model that is loaded into a server that runs anyway. Absent: a process is started. */
  readonly ollamaModel?: string;
  /** Requests may have it started. */
  readonly allowed: boolean;
  readonly startTimeoutMs: number;
  /** 0: never. */
  readonly idleStopMs: number;
  readonly minUpMs: number;
  readonly drainMs: number;
}

/** One thing the fleet looks after: a provider's engine, or one of the services it runs on demand. */
export interface EngineUnit {
  /** The provider's name, or `<provider>/<service>`. */
  readonly id: string;
  /** With the process it is. */
  readonly provider: ProviderConfig;
  readonly onDemand?: OnDemand;
}

/** What is started and stopped as requests come. */
export interface OnDemandEngine {
  readonly id: string;
  /** Follows the configuration. Undefined: it comes and goes with the platform. */
  onDemand: OnDemand | undefined;
  readonly pid: number | undefined;
  /** The name of its log. */
  readonly logFile: string | undefined;
  /** It runs, or is about to. */
  readonly up: boolean;
  /** Monotonic time at which requests were last seen to run on it. */
  readonly busyAt: number;
  view(): EngineView;
  open(): void;
  close(): Promise<void>;
  /** Resolves when it answers. Throws why it does not. */
  start(signal: AbortSignal): Promise<void>;
  /** Resolves when it is gone. */
  stop(): Promise<void>;
  settled(signal: AbortSignal): Promise<void>;
  /** Tells everyone that it is not to be used any more, while it still runs. */
  retire(reason: string): void;
  /** Takes that back. */
  recall(): void;
  /** Whether nothing runs on it, by a look that began at this monotonic time or later. Undefined: it tells nothing of that. */
  quietSince(moment: number): boolean | undefined;
}
