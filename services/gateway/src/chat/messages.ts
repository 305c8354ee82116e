import type { chat } from '@flotilla/contracts';
import { checkDepth, invalid, isObject, wrongType, type JsonObject } from './invalid.ts';

/** More messages than any client keeps; bounds the work of one request beside the body limit. */
const mostMessages = 4_096;
const mostParts = 1_024;
const roles = new Set(['system', 'developer', 'user', 'assistant', 'tool']);

/** The field of a content part that holds its content, by type: OpenAI's, and the two that vLLM adds. */
const partFields: Readonly<Record<string, 'string' | 'object'>> = {
  text: 'string',
  refusal: 'string',
  image_url: 'object',
  input_audio: 'object',
  file: 'object',
  audio_url: 'object',
  video_url: 'object',
};

export interface Messages {
  messages: chat.Message[];
  /** Images, sounds and files among all content parts. */
  mediaParts: number;
}

/**
 * OpenAI's messages, checked by hand: a chat's messages are on the hot path, and this is a tenth of what a zod schema
 * of them costs. Throws `invalid_request` with the path of the first field that is wrong.
 */
export function readMessages(value: unknown): Messages {
  if (value === undefined) throw invalid('messages', "Missing required parameter: 'messages'.");
  if (!Array.isArray(value)) throw wrongType('messages', 'an array of messages', value);
  if (value.length === 0) throw invalid('messages', "'messages' is empty: send at least one message.");
  if (value.length > mostMessages)
    throw invalid('messages', `'messages' holds ${value.length}; ${mostMessages} at most.`);
  const result: Messages = { messages: new Array<chat.Message>(value.length), mediaParts: 0 };
  for (let index = 0; index < value.length; index += 1)
    result.messages[index] = readMessage(value[index], index, result);
  return result;
}

function readMessage(value: unknown, index: number, result: Messages): chat.Message {
  const at = (field: string) => `messages[${index}]${field}`;
  if (!isObject(value)) throw wrongType(at(''), 'an object', value);
  const { role, content, name } = value;
  if (typeof role !== 'string') throw wrongType(at('.role'), 'a string', role);
  if (!roles.has(role)) {
    throw invalid(at('.role'), `'${at('.role')}' must be one of ${[...roles].join(', ')}.`);
  }
  const message: chat.Message = {
    role,
    content: '',
    partsJson: '',
    name: '',
    toolCallId: '',
    toolCallsJson: '',
  };
  if (name !== undefined && name !== null) {
    if (typeof name !== 'string') throw wrongType(at('.name'), 'a string', name);
    message.name = name;
  }
  if (role === 'tool') {
    if (typeof value['tool_call_id'] !== 'string')
      throw wrongType(at('.tool_call_id'), 'a string', value['tool_call_id']);
    message.toolCallId = value['tool_call_id'];
  }
  if (role === 'assistant') readToolCalls(value, message, at('.tool_calls'));
  if (typeof content === 'string') message.content = content;
  else if (Array.isArray(content)) result.mediaParts += readParts(content, message, at('.content'));
  else if (content !== undefined && content !== null)
    throw wrongType(at('.content'), 'a string or an array of content parts', content);
  else if (role !== 'assistant' || (message.toolCallsJson === '' && typeof value['refusal'] !== 'string')) {
    throw wrongType(at('.content'), 'a string or an array of content parts', content);
  } else if (typeof value['refusal'] === 'string') message.content = value['refusal'];
  return message;
}

/** Returns how many of the parts are not text. */
function readParts(parts: readonly unknown[], message: chat.Message, path: string): number {
  if (parts.length === 0) throw invalid(path, `'${path}' is an empty array: send at least one content part.`);
  if (parts.length > mostParts) throw invalid(path, `'${path}' holds ${parts.length} parts; ${mostParts} at most.`);
  const texts: string[] = [];
  for (const [index, part] of parts.entries()) {
    const at = `${path}[${index}]`;
    if (!isObject(part)) throw wrongType(at, 'an object', part);
    const { type } = part;
    if (typeof type !== 'string') throw wrongType(`${at}.type`, 'a string', type);
    const expected = Object.hasOwn(partFields, type) ? partFields[type] : undefined;
    if (!expected) throw invalid(`${at}.type`, `'${at}.type' must be one of ${Object.keys(partFields).join(', ')}.`);
    const body = part[type];
    if (expected === 'string') {
      if (typeof body !== 'string') throw wrongType(`${at}.${type}`, 'a string', body);
      texts.push(body);
    } else if (!isObject(body)) throw wrongType(`${at}.${type}`, 'an object', body);
    else readMedia(type, body, `${at}.${type}`);
  }
  checkDepth(parts, path);
  message.content = texts.join('\n');
  message.partsJson = JSON.stringify(parts);
  return parts.length - texts.length;
}

function readMedia(type: string, body: JsonObject, path: string): void {
  const fields = type === 'input_audio' ? ['data', 'format'] : type === 'file' ? [] : ['url'];
  for (const field of fields) {
    if (typeof body[field] !== 'string') throw wrongType(`${path}.${field}`, 'a string', body[field]);
  }
}

function readToolCalls(value: JsonObject, message: chat.Message, path: string): void {
  const calls = value['tool_calls'];
  if (calls === undefined || calls === null) return;
  if (!Array.isArray(calls)) throw wrongType(path, 'an array of tool calls', calls);
  if (calls.length === 0) return;
  for (const [index, call] of calls.entries()) {
    const at = `${path}[${index}]`;
    if (!isObject(call)) throw wrongType(at, 'an object', call);
    if (typeof call['id'] !== 'string') throw wrongType(`${at}.id`, 'a string', call['id']);
    const target = call['function'];
    if (call['type'] === 'custom') continue;
    if (!isObject(target)) throw wrongType(`${at}.function`, 'an object', target);
    if (typeof target['name'] !== 'string') throw wrongType(`${at}.function.name`, 'a string', target['name']);
    if (typeof target['arguments'] !== 'string')
      throw wrongType(`${at}.function.arguments`, 'a string', target['arguments']);
  }
  checkDepth(calls, path);
  message.toolCallsJson = JSON.stringify(calls);
}
