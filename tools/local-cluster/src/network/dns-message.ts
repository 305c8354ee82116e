/*
 * As much of RFC 1035 as names of a cluster need: one question, answers with IPv4 addresses.
 */

const headerBytes = 12;
const type = { a: 1 };
const internet = 1;
const flags = { response: 0x8000, truncated: 0x0200, recursionDesired: 0x0100, recursionAvailable: 0x0080 };
const noSuchName = 3;

/** Seconds that an answer may be kept: none, pods come and go. */
const timeToLive = 0;

export interface Question {
  readonly id: number;
  readonly name: string;
  readonly wantsIpv4: boolean;
  readonly recursionDesired: boolean;
  /** The question as it came, to be sent back. */
  readonly bytes: Buffer;
}

/** Undefined: no question, or none that can be read. */
export function readQuestion(message: Buffer): Question | undefined {
  if (message.length < headerBytes || message.readUInt16BE(4) !== 1) return undefined;
  const labels: string[] = [];
  let at = headerBytes;
  for (;;) {
    const length = message[at];
    // A label has at most 63 bytes; a question holds no pointers.
    if (length === undefined || length > 63) return undefined;
    at += 1;
    if (length === 0) break;
    labels.push(message.toString('latin1', at, at + length));
    at += length;
  }
  if (message.length < at + 4) return undefined;
  return {
    id: message.readUInt16BE(0),
    name: labels.join('.'),
    wantsIpv4: message.readUInt16BE(at) === type.a,
    recursionDesired: (message.readUInt16BE(2) & flags.recursionDesired) !== 0,
    bytes: message.subarray(headerBytes, at + 4),
  };
}

/** `addresses` undefined: there is no such name. An answer above `mostBytes` says so and holds none: ask again by TCP. */
export function writeAnswer(question: Question, addresses: readonly string[] | undefined, mostBytes: number): Buffer {
  const records = question.wantsIpv4 ? (addresses ?? []) : [];
  const truncated = headerBytes + question.bytes.length + records.length * 16 > mostBytes;
  const sent = truncated ? [] : records;
  const header = Buffer.alloc(headerBytes);
  header.writeUInt16BE(question.id, 0);
  header.writeUInt16BE(
    flags.response |
      flags.recursionAvailable |
      (question.recursionDesired ? flags.recursionDesired : 0) |
      (truncated ? flags.truncated : 0) |
      (addresses === undefined ? noSuchName : 0),
    2,
  );
  header.writeUInt16BE(1, 4);
  header.writeUInt16BE(sent.length, 6);
  return Buffer.concat([header, question.bytes, ...sent.map(addressRecord)]);
}

function addressRecord(address: string): Buffer {
  const record = Buffer.alloc(16);
  // The name is the question's: a pointer to it.
  record.writeUInt16BE(0xc000 | headerBytes, 0);
  record.writeUInt16BE(type.a, 2);
  record.writeUInt16BE(internet, 4);
  record.writeUInt32BE(timeToLive, 6);
  record.writeUInt16BE(4, 10);
  for (const [index, part] of address.split('.').entries()) record[12 + index] = Number(part);
  return record;
}
