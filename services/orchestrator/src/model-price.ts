import type { common } from '@flotilla/contracts';
import type { Live, PlatformFile } from '@flotilla/kernel';

/** USD per million tokens, which is millionths of a USD per token. */
export interface Price {
  readonly input: number;
  readonly output: number;
}

/** What models cost by the platform's file as it is now. */
export class Prices {
  #read: PlatformFile | undefined;
  #byModel = new Map<string, Price | undefined>();

  constructor(private readonly file: Live<PlatformFile>) {}

  /** Of the model by the name it was asked for. Undefined: it costs nothing. */
  of(model: string): Price | undefined {
    const { current } = this.file;
    if (current !== this.#read) {
      this.#read = current;
      this.#byModel = new Map(current.models.map(({ name, price }) => [name, price]));
    }
    return this.#byModel.get(model);
  }
}

/** Millionths of a USD. */
export function costOf({ promptTokens, completionTokens }: common.Usage, price: Price | undefined): number {
  return price ? promptTokens * price.input + completionTokens * price.output : 0;
}
