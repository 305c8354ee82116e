import { FlotillaError } from '@flotilla/kernel';
import type { RawData } from 'ws';
import { invalid, isObject, wrongType } from '../../chat/invalid.ts';

/** What a client says over the socket. */
export type SocketMessage =
  | { readonly type: 'chat'; readonly id: string; readonly body: unknown }
  | { readonly type: 'cancel'; readonly id: string };

const longestId = 128;

/** Reads one message. Throws `invalid_json` or `invalid_request`. */
export function readSocketMessage(data: RawData, binary: boolean): SocketMessage {
  if (binary) throw new FlotillaError('unsupported_media_type', 'Send text messages with JSON.');
  let message: unknown;
  try {
    message = JSON.parse((data as Buffer).toString());
  } catch {
    throw new FlotillaError('invalid_json', 'The message is not valid JSON.');
  }
  if (!isObject(message)) throw wrongType('message', 'an object', message);
  const { type, id, body } = message;
  if (typeof id !== 'string') throw wrongType('id', 'a string', id);
  if (id === '' || id.length > longestId) throw invalid('id', `'id' must have 1 to ${longestId} characters.`);
  if (type === 'chat') return { type, id, body };
  if (type === 'cancel') return { type, id };
  throw invalid('type', "'type' must be chat or cancel.");
}
