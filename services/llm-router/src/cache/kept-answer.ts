/** A whole answer, as it is kept. It is the same for those who want it in pieces and those who want it at once. */
export interface KeptAnswer {
  readonly provider: string;
  readonly systemFingerprint: string;
  readonly promptTokens: number;
  readonly completionTokens: number;
  readonly choices: readonly KeptChoice[];
}

export interface KeptChoice {
  readonly index: number;
  readonly role: string;
  readonly content: string;
  readonly reasoning: string;
  readonly refusal: string;
  /** Whole calls, without the positions that pieces of a stream have. */
  readonly toolCalls: readonly object[];
  readonly finishReason: string;
  /** The stop sequence that ended it; absent: none told. */
  readonly stopSequence?: string;
}

/** An answer with what it takes to keep it. */
export interface AnswerRow {
  readonly orgId: string;
  /** Digest of the request. */
  readonly key: string;
  /** For other questions to find it. */
  readonly near: { readonly scope: string; readonly vector: readonly number[] } | undefined;
  readonly model: string;
  /** A KeptAnswer as JSON. */
  readonly text: string;
  /** Milliseconds since 1970. */
  readonly keptAt: number;
  readonly expiresAt: number;
}

/** What was said at its end by a model that had said all it wanted; anything but `stop` stands for its own request alone. */
export function isCommon({ choices }: KeptAnswer): boolean {
  return choices.every(({ finishReason, toolCalls }) => finishReason === 'stop' && toolCalls.length === 0);
}
