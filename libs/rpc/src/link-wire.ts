/**
 * How batches lie on a TCP connection: the caller says `preface`, the answering side says it too once it takes calls,
 * then both send batches, each after its length in four bytes (big-endian). A batch of length 0 asks a silent peer for a
 * sign of life; the answer is one as well.
 */
export const preface = Buffer.from('flotilla-link/1\n');

const lengthBytes = 4;

/** An encoded Batch with its length before it. */
export function framed(batch: Uint8Array): Buffer {
  const out = Buffer.allocUnsafe(lengthBytes + batch.length);
  out.writeUInt32BE(batch.length, 0);
  out.set(batch, lengthBytes);
  return out;
}

/** What stands for "are you there?" and for "yes". */
export const signOfLife = framed(new Uint8Array(0));

/** Who takes what a connection delivers. */
export interface WireSink {
  /** The peer speaks our protocol; batches follow. */
  onPreface(): void;
  onBatch(batch: Uint8Array): void;
}

/** Cuts what a connection delivers into the preface and batches. Holds at most one batch of `mostBytes` at a time. */
export class BatchSplitter {
  readonly #mostBytes: number;
  readonly #sink: WireSink;
  #rest: Buffer[] = [];
  #restBytes = 0;
  /** Bytes of what is under way with its length; 0 while the length is not there. */
  #wanted = preface.length;
  #greeted = false;

  constructor(mostBytes: number, sink: WireSink) {
    this.#mostBytes = mostBytes;
    this.#sink = sink;
  }

  /** Hands over what is complete. Throws on another protocol and on a batch that is too large. */
  push(chunk: Buffer): void {
    let data = chunk;
    if (this.#restBytes > 0) {
      this.#rest.push(chunk);
      this.#restBytes += chunk.length;
      if (this.#wanted > this.#restBytes) return;
      data = Buffer.concat(this.#rest, this.#restBytes);
    }
    const rest = this.#take(data);
    this.#restBytes = rest.length;
    this.#rest = rest.length === 0 ? [] : [rest];
  }

  /** Returns what is not complete. */
  #take(data: Buffer): Buffer {
    let at = 0;
    if (!this.#greeted) {
      if (data.length < preface.length) return data;
      if (!data.subarray(0, preface.length).equals(preface)) throw new RangeError('the peer does not speak link/1');
      at = preface.length;
      this.#greeted = true;
      this.#sink.onPreface();
    }
    for (;;) {
      this.#wanted = data.length - at < lengthBytes ? 0 : this.#total(data, at);
      if (this.#wanted === 0 || this.#wanted > data.length - at) break;
      this.#sink.onBatch(data.subarray(at + lengthBytes, at + this.#wanted));
      at += this.#wanted;
    }
    return at === 0 ? data : data.subarray(at);
  }

  #total(data: Buffer, at: number): number {
    const length = data.readUInt32BE(at);
    if (length > this.#mostBytes) throw new RangeError('the batch is too large');
    return lengthBytes + length;
  }
}
