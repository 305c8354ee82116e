import type { chat } from '@flotilla/contracts';

interface ChatLogprobs {
  content?: { token: string; logprob: number; top_logprobs?: { token: string; logprob: number }[] }[] | null;
}

/** Chats' choices as OpenAI's older ones: text, and token probabilities in four lists. Pieces are given in order. */
export class CompletionText {
  /** Characters of each choice so far: where its next token begins. */
  readonly #offsets = new Map<number, number>();

  constructor(
    /** What stands before each choice; empty: nothing. */
    private readonly echo: string,
    /** The index of the first choice of this prompt among all. */
    private readonly firstIndex: number,
  ) {}

  piece({ index, content, refusal, logprobsJson, finishReason, extraJson }: chat.Choice): object {
    const before = this.#offsets.get(index);
    const text = (before === undefined ? this.echo : '') + content + refusal;
    const from = before ?? this.echo.length;
    this.#offsets.set(index, (before ?? 0) + text.length);
    const logprobs = logprobsJson === '' ? null : logprobLists(JSON.parse(logprobsJson) as ChatLogprobs, from);
    return {
      ...{ text, index: this.firstIndex + index, logprobs, finish_reason: finishReason || null },
      ...(extraJson !== '' && { flotilla: { engine: JSON.parse(extraJson) as object } }),
    };
  }
}

function logprobLists({ content }: ChatLogprobs, from: number): object {
  const entries = content ?? [];
  let offset = from;
  return {
    tokens: entries.map(({ token }) => token),
    token_logprobs: entries.map(({ logprob }) => logprob),
    top_logprobs: entries.map(({ top_logprobs: top = [] }) =>
      Object.fromEntries(top.map(({ token, logprob }) => [token, logprob])),
    ),
    text_offset: entries.map(({ token }) => {
      const at = offset;
      offset += token.length;
      return at;
    }),
  };
}
