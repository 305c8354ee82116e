import type { BinaryReader } from '@bufbuild/protobuf/wire';
import type { MessageType } from './definition.ts';

/**
 * Decodes the message of `length` bytes at which the reader stands, without copying it out of its batch first.
 * Throws when the bytes are no such message.
 */
export function decodeMessage(type: MessageType<unknown>, reader: BinaryReader, length: number): unknown {
  const end = reader.pos + length;
  const message = type.decode(reader, length);
  if (reader.pos > end) throw new RangeError('a message runs over its end');
  return message;
}
