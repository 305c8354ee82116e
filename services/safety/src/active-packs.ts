import type { Live, PlatformFile } from '@flotilla/kernel';
import { logger } from '@flotilla/telemetry';
import { triggerTable, type TriggerTable } from './guard.ts';
import { baselinePack } from './packs/baseline.ts';
import type { RulePack } from './rule-pack.ts';

const log = logger('safety');

/** All packs there are. A new one is a file in packs/ and a line here. */
export const knownPacks: ReadonlyMap<string, RulePack> = new Map([[baselinePack.name, baselinePack]]);

function resolve(names: readonly string[]): readonly RulePack[] {
  return [...new Set(names)].map((name) => {
    const pack = knownPacks.get(name);
    if (pack) return pack;
    throw new Error(
      `safety.packs names '${name}', which is no rule pack; there are: ${[...knownPacks.keys()].join(', ')}`,
    );
  });
}

/**
 * The packs that the platform file turns on. It throws when the file names a pack that does not exist; when a later
 * version of the file does, the packs before it stay on.
 */
export class ActivePacks {
  #packs: readonly RulePack[];
  #triggers: TriggerTable;
  readonly #unsubscribe: () => void;

  constructor(file: Live<PlatformFile>) {
    this.#packs = resolve(file.current.safety.packs);
    this.#triggers = triggersOf(this.#packs);
    this.#unsubscribe = file.onChange(({ safety }) => this.#change(safety.packs));
  }

  get packs(): readonly RulePack[] {
    return this.#packs;
  }

  get triggers(): TriggerTable {
    return this.#triggers;
  }

  close(): void {
    this.#unsubscribe();
  }

  #change(names: readonly string[]): void {
    try {
      this.#packs = resolve(names);
      this.#triggers = triggersOf(this.#packs);
    } catch (error) {
      log.error('the rule packs stay as they were', { reason: (error as Error).message });
    }
  }
}

const triggersOf = (packs: readonly RulePack[]) =>
  triggerTable([...new Set(packs.flatMap((pack) => pack.recognizers))]);
