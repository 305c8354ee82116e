import type { AnswerRow, KeptAnswer } from './kept-answer.ts';
import type { AnswerSelection } from './recent-answers.ts';

export interface FoundAnswer {
  readonly answer: KeptAnswer;
  /** Of its text. */
  readonly bytes: number;
  /** Milliseconds since 1970. */
  readonly expiresAt: number;
}

export interface Question {
  readonly orgId: string;
  readonly scope: string;
  /** As the embedding model gave it: finite, and not all zero. */
  readonly vector: readonly number[];
  /** The least cosine. */
  readonly threshold: number;
  /** Milliseconds since 1970; answers that were kept before do not count. */
  readonly keptAfter: number;
}

/**
 * Where answers are kept. It gives an organisation nothing but its own. All of it throws `unavailable` while the store is
 * away; how long to wait for it is the caller's to say.
 */
export interface AnswerStore {
  exact(orgId: string, key: string): Promise<FoundAnswer | undefined>;
  /** The nearest of those that are near enough. */
  nearest(question: Question): Promise<KeptAnswer | undefined>;
  /** All or none; an answer takes the place of an earlier one of its key. Past `maxPerOrg`, by a hundredth at most, the oldest go. */
  keep(rows: readonly AnswerRow[], maxPerOrg: number): Promise<void>;
  /** How many it were. */
  purge(selection: AnswerSelection): Promise<number>;
  /** Lets go of what is over, and says how many it were. */
  sweep(): Promise<number>;
}
