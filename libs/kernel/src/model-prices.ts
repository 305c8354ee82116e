import type { Live } from './live.ts';
import { isAuto } from './model-names.ts';
import { namesOf } from './platform/models.ts';
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
  #dearest: ModelPrice | undefined;
  #byModel = new Map<string, ModelPrice | undefined>();

  constructor(file: Live<PlatformFile>) {
    this.file = file;
  }

  /** The price of a model by a name that clients ask for it by; of `auto` and of roles: of the dearest. Undefined: it costs nothing. */
  of(model: string): ModelPrice | undefined {
    const { current } = this.file;
    if (current !== this.#read) {
      this.#read = current;
      this.#byModel = new Map(
        current.models.flatMap((model) => {
          const price = model.price ?? model.targets.find((target) => target.price)?.price;
          return namesOf(model).map((name) => [name, price] as const);
        }),
      );
      this.#dearest = dearest([...this.#byModel.values()]);
    }
    return isAuto(model) || model.startsWith('role:') ? this.#dearest : this.#byModel.get(model);
  }
}

function dearest(prices: readonly (ModelPrice | undefined)[]): ModelPrice | undefined {
  const known = prices.filter((price) => price !== undefined);
  if (known.length === 0) return undefined;
  return {
    input: Math.max(...known.map(({ input }) => input)),
    output: Math.max(...known.map(({ output }) => output)),
  };
}

/** Millionths of a USD. */
export function costMicros(
  { promptTokens, completionTokens }: { readonly promptTokens: number; readonly completionTokens: number },
  price: ModelPrice | undefined,
): number {
  return price ? promptTokens * price.input + completionTokens * price.output : 0;
}
