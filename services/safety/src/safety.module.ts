import type { DynamicModule } from '@nestjs/common';
import { systemClock, type Clock, type Live, type PlatformFile } from '@flotilla/kernel';
import type { RpcNetwork } from '@flotilla/rpc';
import { ActivePacks } from './active-packs.ts';
import type { Windows } from './check.ts';
import type { SafetyConfig } from './config.ts';
import { CLOCK, SafetyRpc, WINDOWS } from './safety.rpc.ts';

export interface SafetyPorts {
  rpc: RpcNetwork;
  file: Live<PlatformFile>;
  clock?: Clock;
}

/** Longer than the longest phrase: nine words of at most 20 letters, and the text around it that tells a mention. */
const OVERLAP = 1_024;

export class SafetyModule {
  static with(config: SafetyConfig, { file, clock = systemClock }: SafetyPorts): DynamicModule {
    return {
      module: SafetyModule,
      controllers: [SafetyRpc],
      providers: [
        { provide: ActivePacks, useFactory: () => new ActivePacks(file) },
        { provide: WINDOWS, useValue: { size: config.windowCharacters, overlap: OVERLAP } satisfies Windows },
        { provide: CLOCK, useValue: clock },
      ],
    };
  }
}
