import { malformedFailure } from './engine-errors.ts';

/** The largest answer in one piece, in bytes: 2,048 embeddings of 3,072 numbers fit, batched as they are. */
const maxBody = 32 << 20;

/** Gathers a body in one piece, bounded. */
export class WholeBody {
  #parts: Buffer[] = [];
  #bytes = 0;
  readonly #max: number;

  constructor(max = maxBody) {
    this.#max = max;
  }

  write(bytes: Buffer): void {
    this.#bytes += bytes.length;
    if (this.#bytes > this.#max) throw malformedFailure('a body that is too large');
    this.#parts.push(bytes);
  }

  text(): string {
    return (this.#parts.length === 1 ? this.#parts[0]! : Buffer.concat(this.#parts)).toString('utf8');
  }

  json(): unknown {
    try {
      return JSON.parse(this.text());
    } catch (cause) {
      throw malformedFailure('a body that is not JSON', cause);
    }
  }
}
