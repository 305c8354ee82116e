import type { KeptAnswer } from './kept-answer.ts';

export interface RecentAnswer {
  readonly orgId: string;
  readonly model: string;
  readonly answer: KeptAnswer;
  readonly bytes: number;
  /** Milliseconds since 1970. */
  readonly until: number;
}

/** Whose answers, and of which model; an empty field: of all. */
export interface AnswerSelection {
  readonly orgId: string;
  readonly model: string;
}

function selects({ orgId, model }: AnswerSelection, answer: AnswerSelection): boolean {
  return (orgId === '' || orgId === answer.orgId) && (model === '' || model === answer.model);
}

/** Answers in memory by their keys; past `maxBytes` those that were used longest ago go. */
export class RecentAnswers {
  readonly #maxBytes: number;
  readonly #answers = new Map<string, RecentAnswer>();
  #bytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Only to the organisation whose it is, whatever the key. */
  get(orgId: string, key: string, now: number): KeptAnswer | undefined {
    const found = this.#answers.get(key);
    if (!found || found.orgId !== orgId) return undefined;
    this.#answers.delete(key);
    if (found.until > now) {
      this.#answers.set(key, found);
      return found.answer;
    }
    this.#bytes -= found.bytes;
    return undefined;
  }

  set(key: string, answer: RecentAnswer): void {
    this.#delete(key);
    this.#answers.set(key, answer);
    this.#bytes += answer.bytes;
    for (const oldest of this.#answers.keys()) {
      if (this.#bytes <= this.#maxBytes) return;
      this.#delete(oldest);
    }
  }

  forget(selection: AnswerSelection): void {
    for (const [key, answer] of this.#answers) if (selects(selection, answer)) this.#delete(key);
  }

  #delete(key: string): void {
    this.#bytes -= this.#answers.get(key)?.bytes ?? 0;
    this.#answers.delete(key);
  }
}
