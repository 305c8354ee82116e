import type { ChatBody } from '../chat/chat-body.ts';

/** English text in UTF-8 averages about four bytes a token in today's tokenizers. The engine's count settles it. */
const bytesPerToken = 4;
/** The template's tokens around each message (OpenAI's cookbook counts 3 to 4). */
const tokensPerMessage = 4;
/** A medium image costs OpenAI's models 85 to 1,105 tokens; the base64 bytes of a picture say nothing about it. */
const tokensPerMediaPart = 1_000;

/** Prompt tokens of a chat, guessed before any tokenizer has seen it. At least 1. */
export function estimatePromptTokens({ messages, mediaParts, parametersJson }: ChatBody): number {
  let bytes = 0;
  for (const { content, toolCallsJson } of messages) {
    bytes += Buffer.byteLength(content) + Buffer.byteLength(toolCallsJson);
  }
  // Tools and schemas become prompt; a few sampling numbers do not.
  if (parametersJson.length > 200) bytes += Buffer.byteLength(parametersJson);
  return messages.length * tokensPerMessage + mediaParts * tokensPerMediaPart + Math.ceil(bytes / bytesPerToken);
}
