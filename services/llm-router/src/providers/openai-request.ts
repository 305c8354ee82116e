import type { chat, router } from '@flotilla/contracts';
import { furtherFields, type FieldNames, type FurtherFields } from './parameters.ts';

export interface BodyStyle {
  readonly maxTokensField: 'max_tokens' | 'max_completion_tokens';
  /** Asks a stream to say in each chunk what was used so far, so that one that is cut is billed by what the engine counted. */
  readonly countsEachChunk: boolean;
  /** Fields that no client sets. */
  readonly own: FieldNames;
}

/** The body of `POST /chat/completions`. Texts that are JSON already are spliced in as they are. `more`: what the provider's entry adds. */
export function chatBody(
  model: string,
  request: router.GenerateRequest,
  style: BodyStyle,
  more: FurtherFields | undefined,
): string {
  let body = `{"model":${JSON.stringify(model)},"messages":[`;
  for (let i = 0; i < request.messages.length; i += 1) {
    if (i > 0) body += ',';
    body += messageJson(request.messages[i]!);
  }
  if (!request.stream) body += '],"stream":false';
  else if (style.countsEachChunk)
    body += '],"stream":true,"stream_options":{"include_usage":true,"continuous_usage_stats":true}';
  else body += '],"stream":true,"stream_options":{"include_usage":true}';
  if (request.maxTokens > 0) body += `,"${style.maxTokensField}":${request.maxTokens}`;
  const asked = furtherFields(request.parametersJson, style.own);
  const further = more ? more.over(asked) : asked;
  return further === '' ? `${body}}` : `${body},${further}}`;
}

function messageJson(message: chat.Message): string {
  let json = `{"role":${JSON.stringify(message.role)}`;
  if (message.partsJson !== '') json += `,"content":${message.partsJson}`;
  // OpenAI wants null, not "", beside tool calls.
  else if (message.content === '' && message.toolCallsJson !== '') json += ',"content":null';
  else json += `,"content":${JSON.stringify(message.content)}`;
  if (message.name !== '') json += `,"name":${JSON.stringify(message.name)}`;
  if (message.toolCallId !== '') json += `,"tool_call_id":${JSON.stringify(message.toolCallId)}`;
  if (message.toolCallsJson !== '') json += `,"tool_calls":${message.toolCallsJson}`;
  return `${json}}`;
}
