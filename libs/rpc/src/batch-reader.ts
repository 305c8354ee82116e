import { BinaryReader } from '@bufbuild/protobuf/wire';
import { FlotillaError, isErrorCode, type ErrorDetails } from '@flotilla/kernel';

/** A message inside a batch, not decoded yet: `type.decode(reader, length)` with the reader standing at its beginning. */
export interface EncodedMessage {
  readonly reader: BinaryReader;
  readonly position: number;
  readonly length: number;
}

export interface StartFrame {
  method: string;
  methodId: number;
  request: EncodedMessage;
  /** Milliseconds; Infinity: none. */
  timeoutMs: number;
  traceparent: string;
  metadata: Record<string, string> | undefined;
  initialCredit: number;
}

/** Who takes the frames of a batch. The reader is the same for all frames; messages must be decoded at once. */
export interface FrameSink {
  onStart(callId: number, start: StartFrame): void;
  onMessage(callId: number, reader: BinaryReader, length: number): void;
  onEnd(callId: number): void;
  onCancel(callId: number): void;
  onCredit(callId: number, bytes: number): void;
  onGoaway(reason: string): void;
  onError(callId: number, error: FlotillaError, notStarted: boolean): void;
}

/**
 * Reads an encoded Batch and hands its frames over in order. Unknown fields and kinds are skipped, as protobuf asks.
 * Throws when the bytes are no Batch; the frames before the broken one were handed over.
 */
export function readBatch(batch: Uint8Array, sink: FrameSink): void {
  const reader = new BinaryReader(batch);
  while (reader.pos < reader.len) {
    const tag = reader.uint32();
    if (tag === 0x0a) readFrame(reader, sink);
    else skip(reader, tag, reader.len);
  }
}

function readFrame(reader: BinaryReader, sink: FrameSink): void {
  const end = enter(reader, reader.len);
  let callId = 0;
  let kind = 0;
  let position = 0;
  let value = 0;
  while (reader.pos < end) {
    const tag = reader.uint32();
    if (tag === 0x08) callId = reader.uint32();
    else if (tag === 0x30) {
      kind = 6;
      value = reader.uint32();
    } else if ((tag & 7) === 2 && tag >>> 3 >= 2 && tag >>> 3 <= 8) {
      kind = tag >>> 3;
      const until = enter(reader, end);
      position = reader.pos;
      value = until - position;
      reader.pos = until;
    } else skip(reader, tag, end);
  }
  if (reader.pos !== end) throw new RangeError('a frame runs over its end');
  if (kind === 0) return;
  if (kind !== 6) reader.pos = position;
  switch (kind) {
    case 2:
      sink.onStart(callId, readStart(reader, position + value));
      break;
    case 3:
      sink.onMessage(callId, reader, value);
      break;
    case 4:
      sink.onEnd(callId);
      break;
    case 5:
      sink.onCancel(callId);
      break;
    case 6:
      sink.onCredit(callId, value);
      break;
    case 7:
      sink.onGoaway(readStrings(reader, position + value)[1] ?? '');
      break;
    case 8:
      readError(reader, position + value, callId, sink);
      break;
  }
  reader.pos = end;
}

function readStart(reader: BinaryReader, end: number): StartFrame {
  const start: StartFrame = {
    method: '',
    methodId: 0,
    request: { reader, position: end, length: 0 },
    timeoutMs: Infinity,
    traceparent: '',
    metadata: undefined,
    initialCredit: 0,
  };
  while (reader.pos < end) {
    const tag = reader.uint32();
    switch (tag) {
      case 0x0a:
        start.method = readString(reader, end);
        break;
      case 0x10:
        start.methodId = reader.uint32();
        break;
      case 0x1a: {
        const until = enter(reader, end);
        start.request = { reader, position: reader.pos, length: until - reader.pos };
        reader.pos = until;
        break;
      }
      case 0x20:
        start.timeoutMs = reader.uint32() || Infinity;
        break;
      case 0x2a:
        start.traceparent = readString(reader, end);
        break;
      case 0x32: {
        const until = enter(reader, end);
        const [, key = '', text = ''] = readStrings(reader, until);
        // Without a prototype: a key such as __proto__ is only a key.
        start.metadata ??= Object.create(null) as Record<string, string>;
        start.metadata[key] = text;
        break;
      }
      case 0x38:
        start.initialCredit = reader.uint32();
        break;
      default:
        skip(reader, tag, end);
    }
  }
  return start;
}

function readError(reader: BinaryReader, end: number, callId: number, sink: FrameSink): void {
  const fields: string[] = [];
  let notStarted = false;
  while (reader.pos < end) {
    const tag = reader.uint32();
    if (tag === 0x20) notStarted = reader.bool();
    else if ((tag & 7) === 2 && tag >>> 3 <= 3) fields[tag >>> 3] = readString(reader, end);
    else skip(reader, tag, end);
  }
  const [, code = '', message, json] = fields;
  sink.onError(callId, errorFromWire(code, message, json), notStarted);
}

/** The error of another service: a code this build does not know is `internal`, details that are no object are dropped. */
export function errorFromWire(
  code: string,
  message: string | undefined,
  detailsJson: string | undefined,
): FlotillaError {
  return new FlotillaError(isErrorCode(code) ? code : 'internal', message || undefined, {
    details: parseDetails(detailsJson),
  });
}

function parseDetails(json: string | undefined): ErrorDetails | undefined {
  if (!json) return undefined;
  try {
    const value: unknown = JSON.parse(json);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as ErrorDetails) : undefined;
  } catch {
    return undefined;
  }
}

/** The string fields of a small message, by field number. */
function readStrings(reader: BinaryReader, end: number): string[] {
  const fields: string[] = [];
  while (reader.pos < end) {
    const tag = reader.uint32();
    if ((tag & 7) === 2 && tag >>> 3 <= 2) fields[tag >>> 3] = readString(reader, end);
    else skip(reader, tag, end);
  }
  return fields;
}

function readString(reader: BinaryReader, end: number): string {
  const text = reader.string();
  if (reader.pos > end) throw new RangeError('a string runs over the end of its message');
  return text;
}

/** Reads a length and returns where the value ends; it must lie within `limit`. */
function enter(reader: BinaryReader, limit: number): number {
  const length = reader.uint32();
  const end = reader.pos + length;
  if (end > limit) throw new RangeError('a field runs over the end of its message');
  return end;
}

function skip(reader: BinaryReader, tag: number, limit: number): void {
  const number = tag >>> 3;
  if (number === 0) throw new RangeError('field number 0');
  reader.skip(tag & 7, number);
  if (reader.pos > limit) throw new RangeError('a field runs over the end of its message');
}
