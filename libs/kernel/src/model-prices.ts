import type { Live } from './live.ts';
import type { PlatformFile } from './platform/platform-file.ts';

/** USD per million tokens, which is millionths of a USD per token. */
export interface ModelPrice {
  readonly input: number;
  readonly output: number;
}

/** What models cost, by the platform's file as it is now. */
export class ModelPrices {
  private readonly file: Live<PlatformFile>;
  #read: PlatformFile | undefined;
  #byModel = new Map<string, ModelPrice | undefined>();

  constructor(file: Live<PlatformFile>) {
    this.file = file;
  }

  /** The price of a model by the name that clients ask for. Undefined: it costs nothing. */
  of(model: string): ModelPrice | undefined {
    const { current } = this.file;
    if (current !== this.#read) {
      this.#read = current;
      this.#byModel = new Map(current.models.map(({ name, price }) => [name, price]));
    }
    return this.#byModel.get(model);
  }
}

/** Millionths of a USD. */
export function costMicros(
  { promptTokens, completionTokens }: { readonly promptTokens: number; readonly completionTokens: number },
  price: ModelPrice | undefined,
): number {
  return price ? promptTokens * price.input + completionTokens * price.output : 0;
}
