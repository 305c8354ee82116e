/** The text a recognizer looks at: the end of what was released (`context`) comes right before `text`. */
export interface Piece {
  readonly context: string;
  readonly text: string;
  /** Nothing follows `text`. */
  readonly final: boolean;
}

/**
 * What a recognizer says at a trigger. `open`: whether it matches depends on text that has not come yet, and a match
 * would begin at `start`.
 */
export type Recognition = { readonly open: false; readonly start: number; readonly end: number } | OpenRecognition;
export interface OpenRecognition {
  readonly open: true;
  readonly start: number;
}

export interface RuleInfo {
  /** Stable id, as in findings, metrics and the documentation, e.g. `pii.card`. */
  readonly id: string;
  readonly category: 'pii' | 'prompt_injection';
  /** What a client is told; never any matched text. */
  readonly message: string;
}

/**
 * Finds spans that are replaced by `placeholder` in output and noted in input. Its verdict at a position must depend on
 * a bounded stretch of text around it only; that is what makes streaming equal to redacting the whole (guard.ts).
 * No character may trigger two recognizers of the packs that are on.
 */
export interface Recognizer {
  readonly rule: RuleInfo;
  readonly placeholder: string;
  /** ASCII characters; `recognize` is asked only where one of them stands. */
  readonly triggers: string;
  /** `floor`: a match may not begin before it. Undefined: no match here, whatever follows. */
  recognize(piece: Piece, at: number, floor: number): Recognition | undefined;
  /** Where the end of the text begins that a later trigger could look back on; `text.length` when there is none. */
  tail(text: string, floor: number): number;
}

/** Finds instructions that attack the system's own. Answers the rules found; an empty array otherwise. */
export interface Detector {
  detect(text: string): readonly RuleInfo[];
}

/** A named set of rules that `safety.packs` of the platform file turns on. */
export interface RulePack {
  readonly name: string;
  /** Redacted in output; noted in input. */
  readonly recognizers: readonly Recognizer[];
  /** A prompt in which one of these finds something is blocked. */
  readonly detectors: readonly Detector[];
}
