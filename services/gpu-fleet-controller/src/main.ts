import { runService } from '@flotilla/host';
import { fleetTarget } from './target.ts';

await runService(fleetTarget);
