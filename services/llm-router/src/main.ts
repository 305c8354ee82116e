import { runService } from '@flotilla/host';
import { routerTarget } from './host-target.ts';

await runService(routerTarget);
