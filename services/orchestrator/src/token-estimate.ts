import type { chat } from '@flotilla/contracts';

/** OpenAI's rule of thumb for English text, and its count of what a message adds around its text. */
const CHARACTERS_PER_TOKEN = 4;
const TOKENS_PER_MESSAGE = 4;

/** Tokens of a text of so many characters. */
export function tokensOf(characters: number): number {
  return Math.ceil(characters / CHARACTERS_PER_TOKEN);
}

/** For what an engine did not count: within a factor of two for most languages and tokenizers. */
export function estimateTokens(messages: readonly chat.Message[]): number {
  let characters = 0;
  for (const { content, toolCallsJson } of messages) characters += content.length + toolCallsJson.length;
  return tokensOf(characters) + messages.length * TOKENS_PER_MESSAGE;
}

/** Role, name and the template's marks around a message: Llama 3 writes 5, ChatML 4 and a line feed for each. */
const MOST_TOKENS_PER_MESSAGE = 8;
/** Qwen2.5-VL at its default `max_pixels` of 12,845,056 makes 16,384 tokens of an image; OpenAI's models make fewer. */
const MOST_TOKENS_PER_MEDIA_PART = 16_384;

/** No fewer tokens than an engine will count: a byte-level tokenizer never makes more tokens than there are bytes. */
export function boundTokens(messages: readonly chat.Message[]): number {
  let tokens = messages.length * MOST_TOKENS_PER_MESSAGE;
  for (const { content, name, toolCallId, toolCallsJson, partsJson } of messages) {
    tokens += Buffer.byteLength(content) + Buffer.byteLength(name) + Buffer.byteLength(toolCallId);
    // Templates print calls with indentation: at most a line feed and one run of blanks for each byte that opens or parts.
    tokens += 2 * Buffer.byteLength(toolCallsJson) + mediaParts(partsJson) * MOST_TOKENS_PER_MEDIA_PART;
  }
  return tokens;
}

function mediaParts(partsJson: string): number {
  if (partsJson === '') return 0;
  return (JSON.parse(partsJson) as { type: string }[]).filter(({ type }) => type !== 'text').length;
}
