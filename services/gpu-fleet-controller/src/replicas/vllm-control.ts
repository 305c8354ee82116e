import type { EngineLoad, ServedModel } from '../engine-view.ts';
import { ProbeFailure } from '../probe.ts';

/** What an engine says of itself. */
export interface Look {
  /** Undefined: it was not asked, or would not say now. */
  readonly models: readonly ServedModel[] | undefined;
  /** The name that its metrics are of. Undefined: they do not say. */
  readonly model?: string | undefined;
  readonly load: EngineLoad | undefined;
  /** 0: awake. Undefined: it does not tell. */
  readonly sleepLevel: 0 | 1 | 2 | undefined;
  readonly promptTokens: number | undefined;
  readonly generatedTokens: number | undefined;
}

/** What is asked of the vLLM in a pod. `address` is http://host:port. Each throws ProbeFailure, in words fit for everyone. */
export interface VllmControl {
  /** Whole: asks for its health and for what it serves too, not for its metrics alone. */
  look(address: string, whole: boolean, signal: AbortSignal): Promise<Look>;
  /** Nothing may run on it: what does is aborted. Resolves when it says that it sleeps. */
  sleep(address: string, level: 1 | 2, signal: AbortSignal): Promise<void>;
  /** Resolves when it says that it is awake, its weights loaded anew where its sleep dropped them. */
  wake(address: string, level: 1 | 2, signal: AbortSignal): Promise<void>;
  /** Throws AdapterRefused where another try does not help. */
  loadAdapter(address: string, adapter: { name: string; path: string }, signal: AbortSignal): Promise<void>;
  unloadAdapter(address: string, name: string, signal: AbortSignal): Promise<void>;
  close(): Promise<void>;
}

/** The engine will not have this adapter until somebody changes something. */
export class AdapterRefused extends ProbeFailure {}
