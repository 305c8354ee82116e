import { runService } from '@flotilla/host';
import { gatewayTarget } from './host-target.ts';

await runService(gatewayTarget);
