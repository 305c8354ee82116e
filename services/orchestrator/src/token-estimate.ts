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
