/** Addresses of pods, each given to one at a time. One that came back is given again as late as can be: clients may still hold it. */
export class Addresses {
  readonly #prefix: string;
  readonly #taken = new Set<string>();
  #next = 1;

  /** `network`: a /16, as `127.1.0.0/16`. Addresses that end in 0 or 255 are left out. */
  constructor(network: string) {
    const [, prefix] = /^(\d+\.\d+)\.0\.0\/16$/.exec(network) ?? [];
    if (prefix === undefined) throw new Error(`"${network}" is no network of the form 127.1.0.0/16`);
    this.#prefix = prefix;
  }

  /** `wanted`: the address the pod has from before, if it is free. Throws when all are taken. */
  take(wanted?: string): string {
    if (wanted?.startsWith(`${this.#prefix}.`) && !this.#taken.has(wanted)) {
      this.#taken.add(wanted);
      return wanted;
    }
    for (let tries = 0; tries < 2 ** 16; tries += 1) {
      const index = this.#next;
      this.#next = (index + 1) % 2 ** 16;
      const address = `${this.#prefix}.${index >> 8}.${index & 255}`;
      if ([0, 255].includes(index & 255) || this.#taken.has(address)) continue;
      this.#taken.add(address);
      return address;
    }
    throw new Error(`every address of ${this.#prefix}.0.0/16 is taken by a pod`);
  }

  giveBack(address: string): void {
    this.#taken.delete(address);
  }
}
