import type { Service } from '@flotilla/kernel';
import { nestService } from '@flotilla/rpc';
import { ActivePacks } from './active-packs.ts';
import type { SafetyConfig } from './config.ts';
import { SafetyModule, type SafetyPorts } from './safety.module.ts';

export { safetyConfigSchema, safetyDefaults, type SafetyConfig } from './config.ts';
export type { SafetyPorts } from './safety.module.ts';
export { safetyTarget } from './host-target.ts';

/** Input checks and the output guard, served as flotilla.safety.v1.Safety. */
export function createSafety(config: SafetyConfig, ports: SafetyPorts): Service {
  return nestService({
    name: 'safety',
    module: SafetyModule.with(config, ports),
    rpc: ports.rpc,
    onStop: (app) => app.get(ActivePacks).close(),
  });
}
