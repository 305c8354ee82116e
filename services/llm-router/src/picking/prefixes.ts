import type { Endpoint, Resident } from '../endpoints/endpoint.ts';
import { createMatch, PrefixTable, type Match } from './prefix-table.ts';
import type { PromptChain } from './prompt-chain.ts';

/** Models of one engine that are kept apart; past it all of that engine are forgotten. */
const maxModels = 256;
/** Numbers are of 16 bits, and nought is nobody. When all were given the table begins anew. */
const maxNumber = 65_535;

export type OnLearnt = (endpoint: Endpoint, model: string, a: number, b: number) => void;

/** Which engine was sent which prefix for which model. The table is made when it is first needed. */
export class Prefixes {
  /** By number. */
  #endpoints: (Endpoint | undefined)[] = [undefined];
  #table: PrefixTable | undefined;
  readonly #match: Match = createMatch();
  readonly #entries: number | undefined;

  constructor(entries?: number) {
    this.#entries = entries;
  }

  /** The result is good until the next call. */
  match(chain: PromptChain): Match {
    this.#match.count = 0;
    this.#table?.match(chain.hashes, this.#match);
    return this.#match;
  }

  /** The engine behind a number, undefined when it was forgotten. */
  endpointOf(number: number): Endpoint | undefined {
    return this.#endpoints[number];
  }

  learn(endpoint: Endpoint, model: string, hashes: Uint32Array, onLearnt?: OnLearnt): void {
    if (hashes.length === 0) return;
    const { number } = this.resident(endpoint, model);
    this.#table ??= new PrefixTable(this.#entries);
    this.#table.add(hashes, number, onLearnt && ((a, b) => onLearnt(endpoint, model, a, b)));
  }

  resident(endpoint: Endpoint, model: string): Resident {
    const known = endpoint.residents.get(model);
    if (known) return known;
    if (endpoint.residents.size >= maxModels) endpoint.residents.clear();
    if (this.#endpoints.length > maxNumber) this.#beginAnew();
    const resident = { number: this.#endpoints.length, sentAt: -Infinity };
    this.#endpoints.push(endpoint);
    endpoint.residents.set(model, resident);
    return resident;
  }

  /** Forgets the engines that are gone. */
  keep(endpoints: ReadonlySet<Endpoint>): void {
    this.#endpoints.forEach((endpoint, number) => {
      if (endpoint && !endpoints.has(endpoint)) this.#endpoints[number] = undefined;
    });
  }

  #beginAnew(): void {
    for (const endpoint of this.#endpoints) endpoint?.residents.clear();
    this.#endpoints = [undefined];
    this.#table?.clear();
  }
}
