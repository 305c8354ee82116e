import { runService } from '@flotilla/host';
import { ragTarget } from './host-target.ts';

await runService(ragTarget);
