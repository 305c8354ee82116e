import { runService } from '@flotilla/host';
import { gatewayTarget } from './target.ts';

await runService(gatewayTarget);
