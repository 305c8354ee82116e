import type { ChatBody } from '../chat/chat-body.ts';

type Prompt = Pick<ChatBody, 'messages' | 'mediaParts' | 'parametersJson'>;

/** English text in UTF-8 averages about four bytes a token in today's tokenizers. The engine's count settles it. */
const bytesPerToken = 4;
/** The template's tokens around each message (OpenAI's cookbook counts 3 to 4). */
const tokensPerMessage = 4;
/** A medium image costs OpenAI's models 85 to 1,105 tokens; the base64 bytes of a picture say nothing about it. */
const tokensPerMediaPart = 1_000;

/** Prompt tokens of a chat, guessed before any tokenizer has seen it. At least 1. */
export function estimatePromptTokens({ messages, mediaParts, parametersJson }: Prompt): number {
  let bytes = 0;
  for (const { content, toolCallsJson } of messages) {
    bytes += Buffer.byteLength(content) + Buffer.byteLength(toolCallsJson);
  }
  // Tools and schemas become prompt; a few sampling numbers do not.
  if (parametersJson.length > 200) bytes += Buffer.byteLength(parametersJson);
  return messages.length * tokensPerMessage + mediaParts * tokensPerMediaPart + Math.ceil(bytes / bytesPerToken);
}

/** Role, name and the template's marks around a message: Llama 3 writes 5, ChatML 4 and a line feed for each. */
const mostTokensPerMessage = 8;
/** What a template says by itself: Qwen's system prompt is 21 tokens, Llama 3.1's with its dates 26. */
const mostTokensOfTemplate = 64;
/** How templates tell a model of its tools: Hermes' words are about 200 tokens, Llama 3.1's 100. */
const mostTokensOfToolTemplate = 512;
/** Qwen2.5-VL at its default `max_pixels` of 12,845,056 makes 16,384 tokens of an image; OpenAI's models make fewer. */
const mostTokensPerMediaPart = 16_384;
/** Templates print tools with indentation: at most a line feed and one run of blanks for each byte that opens or parts. */
const growthOfTools = 2;

/**
 * No fewer prompt tokens than an engine will count: a byte-level tokenizer never makes more tokens than there are bytes,
 * and what templates and media add is bounded above.
 */
export function boundPromptTokens({ messages, mediaParts, parametersJson }: Prompt): number {
  let tokens = mostTokensOfTemplate + messages.length * mostTokensPerMessage + mediaParts * mostTokensPerMediaPart;
  for (const { content, name, toolCallId, toolCallsJson } of messages) {
    tokens += Buffer.byteLength(content) + Buffer.byteLength(name) + Buffer.byteLength(toolCallId);
    if (toolCallsJson !== '') tokens += growthOfTools * Buffer.byteLength(toolCallsJson);
  }
  tokens += growthOfTools * Buffer.byteLength(parametersJson);
  return /"(tools|functions)"/.test(parametersJson) ? tokens + mostTokensOfToolTemplate : tokens;
}

/** Tokens of texts that are embedded each by itself: two marks around each. */
export function boundInputTokens(inputs: readonly string[]): number {
  return inputs.reduce((sum, input) => sum + Buffer.byteLength(input) + 2, 0);
}

export function estimateInputTokens(inputs: readonly string[]): number {
  return inputs.reduce((sum, input) => sum + Math.ceil(Buffer.byteLength(input) / bytesPerToken) + 2, 0);
}
