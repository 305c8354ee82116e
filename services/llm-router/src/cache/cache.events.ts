import { cachePurged, type Bus, type Subscription } from '@flotilla/bus';
import type { AnswerCache } from './answer-cache.ts';

/** Forgets what was purged by way of another router. */
export function subscribeToPurges(bus: Bus, cache: AnswerCache): Promise<Subscription> {
  return bus.subscribe(cachePurged, (selection) => cache.forget(selection));
}
