import type { FlotillaError } from '@flotilla/kernel';
import type { DeadlineWheel } from './deadlines.ts';
import type { InFlight } from './in-flight.ts';
import type { RpcObserver } from './network-options.ts';
import type { Router } from './router.ts';

/** What all calls that one process takes share, whatever they came over. */
export interface ServerHost {
  readonly router: Router;
  readonly wheel: DeadlineWheel;
  readonly inFlight: InFlight;
  readonly observer: RpcObserver | undefined;
  /** Set while draining and after closing: new calls get it. */
  refusal: FlotillaError | undefined;
}
