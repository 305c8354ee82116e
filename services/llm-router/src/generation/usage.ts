import type { chat, common } from '@flotilla/contracts';

/** Characters of English text a token stands for, by OpenAI's rule of thumb. */
const charactersPerToken = 4;

/** Usage for an engine that told none, from the lengths of prompt and answer in UTF-16 units. */
export function estimatedUsage(promptLength: number, answerLength: number): common.Usage {
  return {
    promptTokens: Math.ceil(promptLength / charactersPerToken),
    completionTokens: Math.ceil(answerLength / charactersPerToken),
    cachedTokens: 0,
    estimated: true,
  };
}

/** Of an answer that another engine went on with: the prompt once, as the first one counted it, and what both generated. */
export function addedUsage(before: common.Usage, after: common.Usage): common.Usage {
  return {
    ...before,
    completionTokens: before.completionTokens + after.completionTokens,
    estimated: before.estimated || after.estimated,
  };
}

export function promptLength(messages: readonly chat.Message[]): number {
  return messages.reduce((sum, message) => sum + message.content.length + message.toolCallsJson.length, 0);
}

export function pieceLength(choice: chat.Choice): number {
  return choice.content.length + choice.reasoning.length + choice.toolCallsJson.length + choice.refusal.length;
}
