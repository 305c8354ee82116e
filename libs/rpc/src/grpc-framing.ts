/** The prefix of a gRPC message: one byte of compression flag (0) and four of length. */
export const prefixBytes = 5;

/** A message with its prefix, as gRPC writes it to an HTTP/2 stream. */
export function prefixed(message: Uint8Array): Buffer {
  const out = Buffer.allocUnsafe(prefixBytes + message.length);
  out[0] = 0;
  out.writeUInt32BE(message.length, 1);
  out.set(message, prefixBytes);
  return out;
}

/**
 * Cuts what an HTTP/2 stream delivers into gRPC messages. Holds at most one message of `mostBytes` at a time.
 */
export class MessageSplitter {
  readonly #mostBytes: number;
  #rest: Buffer[] = [];
  #restBytes = 0;
  /** Bytes of the message under way with its prefix; 0 while the prefix is not there. */
  #wanted = 0;

  constructor(mostBytes: number) {
    this.#mostBytes = mostBytes;
  }

  /** Calls `onMessage` with every message that is complete. Throws on a message that is compressed or too large. */
  push(chunk: Buffer, onMessage: (message: Uint8Array) => void): void {
    this.#rest.push(chunk);
    this.#restBytes += chunk.length;
    if (this.#wanted > this.#restBytes) return;
    let data = this.#rest.length === 1 ? chunk : Buffer.concat(this.#rest, this.#restBytes);
    for (;;) {
      this.#wanted = data.length < prefixBytes ? 0 : this.#total(data);
      if (this.#wanted === 0 || this.#wanted > data.length) break;
      onMessage(data.subarray(prefixBytes, this.#wanted));
      data = data.subarray(this.#wanted);
    }
    this.#rest = data.length === 0 ? [] : [data];
    this.#restBytes = data.length;
  }

  #total(data: Buffer): number {
    if (data[0] !== 0) throw new RangeError('the message is compressed');
    const length = data.readUInt32BE(1);
    if (length > this.#mostBytes) throw new RangeError('the message is too large');
    return prefixBytes + length;
  }
}
