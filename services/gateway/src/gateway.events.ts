import { keysChanged, type Bus, type Subscription } from '@flotilla/bus';
import type { ApiKeys } from './access/api-keys.ts';

/** A key that changed anywhere is forgotten here. */
export function followKeyChanges(bus: Bus, keys: ApiKeys): Promise<Subscription> {
  return bus.subscribe(keysChanged, ({ keyId }) => keys.forget(keyId));
}
