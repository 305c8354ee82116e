import { keysChanged, type Bus, type Subscription } from '@flotilla/bus';
import type { Access } from './access/access.ts';

/** What changed of keys, organisations and tiers anywhere is forgotten here. */
export function followKeyChanges(bus: Bus, access: Access): Promise<Subscription> {
  return bus.subscribe(keysChanged, (event) => access.forget(event));
}
