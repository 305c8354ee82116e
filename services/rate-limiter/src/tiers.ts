import type { Live, PlatformFile } from '@flotilla/kernel';
import type { KeyLimits } from './limit-store.ts';

/** Limits above it are cut: the wire's uint32 cannot name them, and exact arithmetic ends not far beyond (bucket.ts). */
const LARGEST = 2 ** 32 - 1;

/** The limits of each tier, as the configuration file names them now. */
export class Tiers {
  private byName = new Map<string, KeyLimits>();
  private readonly others: KeyLimits;
  private readonly stopListening: () => void;

  /** `others`: the limits of a tier that the file does not name. */
  constructor(file: Live<PlatformFile>, others: KeyLimits) {
    this.others = others;
    this.read(file.current);
    this.stopListening = file.onChange((changed) => this.read(changed));
  }

  of(tier: string): KeyLimits {
    return this.byName.get(tier) ?? this.others;
  }

  close(): void {
    this.stopListening();
  }

  private read({ tiers }: PlatformFile): void {
    this.byName = new Map(
      Object.entries(tiers).map(([name, tier]) => [
        name,
        {
          requestsPerMinute: Math.min(LARGEST, tier.requests_per_minute),
          tokensPerMinute: Math.min(LARGEST, tier.tokens_per_minute),
          defaultMaxTokens: tier.default_max_tokens,
        },
      ]),
    );
  }
}
