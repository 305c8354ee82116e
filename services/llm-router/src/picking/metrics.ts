import { counter, gauge } from '@flotilla/telemetry';
import type { EjectionReason } from './health.ts';

/** Why an engine was picked. `only`: there was no other. `last_resort`: all were set aside. */
export type PickReason = 'only' | 'prefix' | 'load' | 'share' | 'last_resort';

const picked = counter({
  name: 'flotilla_router_picks_total',
  description: 'Engines picked, by what decided',
  unit: '{pick}',
});
export const picks: Record<PickReason, { add(value: number): void }> = {
  only: picked.bind({ reason: 'only' }),
  prefix: picked.bind({ reason: 'prefix' }),
  load: picked.bind({ reason: 'load' }),
  share: picked.bind({ reason: 'share' }),
  last_resort: picked.bind({ reason: 'last_resort' }),
};

const prefixCharacters = counter({
  name: 'flotilla_router_prefix_characters_total',
  description: 'Characters of prompts, and those of them that the engine picked should hold in its cache',
  unit: '{character}',
});
export const promptCharacters = prefixCharacters.bind({ of: 'prompt' });
export const expectedCharacters = prefixCharacters.bind({ of: 'expected' });

const ejected = counter({
  name: 'flotilla_router_ejections_total',
  description: 'Engines set aside',
  unit: '{ejection}',
});
export const ejections: Record<EjectionReason, { add(value: number): void }> = {
  unreachable: ejected.bind({ reason: 'unreachable' }),
  failures: ejected.bind({ reason: 'failures' }),
  failure_rate: ejected.bind({ reason: 'failure_rate' }),
  slow: ejected.bind({ reason: 'slow' }),
};

export const ejectedEndpoints = gauge({
  name: 'flotilla_router_ejected_endpoints',
  description: 'Engines that are set aside now, or on trial after it',
  unit: '{endpoint}',
});
