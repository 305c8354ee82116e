import { enginesChanged, type Bus } from '@flotilla/bus';
import type { EngineView } from './engine-view.ts';
import { engineMessage } from './fleet-messages.ts';

/** Tells everyone of the engines as they are now. */
export function publishEngines(bus: Bus, engines: readonly EngineView[]): Promise<void> {
  return bus.publish(enginesChanged, { engines: engines.map(engineMessage) });
}
