import { enginesChanged, type Bus } from '@flotilla/bus';
import type { EngineView } from './engine-view.ts';
import { engineMessage } from './fleet-messages.ts';

/** Tells everyone of the engines of a scope as they are now; absent: those of this machine. */
export function publishEngines(bus: Bus, engines: readonly EngineView[], scope = ''): Promise<void> {
  return bus.publish(enginesChanged, { engines: engines.map(engineMessage), scope });
}
