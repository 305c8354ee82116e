import type { chat } from '@flotilla/contracts';
import type { ContentRule } from '@flotilla/kernel';
import { FlotillaError } from '@flotilla/kernel';
import type { ChatBody } from '../chat/chat-body.ts';
import { PatternSet } from './pattern.ts';

export type RuleOutcome = { readonly kind: 'pass'; readonly body: ChatBody } | Blocked;

export interface Blocked {
  readonly kind: 'blocked';
  readonly message: string;
  readonly ruleId: string;
}

/** The rules of one organisation in the order in which they count, compiled. */
export class RuleSet {
  readonly #patterns: PatternSet;
  readonly #blocks: boolean;

  constructor(private readonly rules: readonly ContentRule[]) {
    this.#patterns = new PatternSet(rules.map(({ pattern }) => pattern));
    this.#blocks = rules.some(({ kind }) => kind === 'block');
  }

  /**
   * The first rule that blocks, else the body with what the guides add. Throws `err_payload_too_large` for more text than
   * `textLimit` characters where a rule blocks: what cannot be examined cannot be let pass.
   */
  apply(body: ChatBody, textLimit: number): RuleOutcome {
    const matched = new Set<number>();
    let left = textLimit;
    // The newest first: what is beyond the limit is the oldest.
    for (let index = body.messages.length - 1; index >= 0; index -= 1) {
      const { role, content } = body.messages[index]!;
      if (!isExamined(role)) continue;
      left -= content.length;
      if (left < 0) {
        if (this.#blocks) throw tooLong(textLimit);
        break;
      }
      for (const rule of this.#patterns.match(content)) matched.add(rule);
    }
    if (matched.size === 0) return { kind: 'pass', body };
    const found = this.rules.filter((_, index) => matched.has(index));
    return firstBlock(found) ?? { kind: 'pass', body: guide(body, found) };
  }

  /** The first rule that blocks one of the texts. Throws as `apply` does. */
  blocking(texts: readonly string[], textLimit: number): Blocked | undefined {
    if (!this.#blocks) return undefined;
    if (texts.reduce((sum, text) => sum + text.length, 0) > textLimit) throw tooLong(textLimit);
    const matched = new Set(texts.flatMap((text) => [...this.#patterns.match(text)]));
    return firstBlock(this.rules.filter((_, index) => matched.has(index)));
  }
}

function firstBlock(found: readonly ContentRule[]): Blocked | undefined {
  const block = found.find(({ kind }) => kind === 'block');
  return block && { kind: 'blocked', message: block.message, ruleId: block.id };
}

/** What people and tools say. What the application says itself, and what a model answered, is not theirs. */
function isExamined(role: string): boolean {
  return role === 'user' || role === 'tool';
}

function tooLong(textLimit: number): FlotillaError {
  return new FlotillaError(
    'err_payload_too_large',
    `The content rules of this organisation can examine ${textLimit} characters of a request, and this one has more. Send less text.`,
  );
}

/** One system message with all of them, after those that the client begins with. */
function guide(body: ChatBody, rules: readonly ContentRule[]): ChatBody {
  const first = body.messages.findIndex(({ role }) => role !== 'system' && role !== 'developer');
  const content = rules.map(({ message }) => message).join('\n\n');
  const message: chat.Message = { ...empty, role: 'system', content };
  const messages = [...body.messages];
  messages.splice(first < 0 ? messages.length : first, 0, message);
  return { ...body, messages };
}

const empty = { partsJson: '', name: '', toolCallId: '', toolCallsJson: '' };
