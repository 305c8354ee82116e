import type { common } from '@flotilla/contracts';

export interface EmbedRequest {
  /** Empty: whichever there is. */
  readonly model: string;
  readonly texts: readonly string[];
  readonly caller: common.Caller | undefined;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/** Texts as vectors: near in meaning, near in direction. */
export interface Embedder {
  /** One vector a text, in order, and the model that made them. Throws when nobody answers in time. */
  embed(request: EmbedRequest): Promise<{ model: string; vectors: Float32Array[] }>;
}
