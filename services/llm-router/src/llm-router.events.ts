import { enginesChanged, type Bus, type Subscription } from '@flotilla/bus';
import type { FleetWatch } from './endpoints/fleet-watch.ts';

export function subscribeToFleet(bus: Bus, watch: FleetWatch): Promise<Subscription> {
  return bus.subscribe(enginesChanged, (event) => watch.told(event.engines, event.scope));
}
