import { runService } from '@flotilla/host';
import { fleetTarget } from './host-target.ts';

await runService(fleetTarget);
