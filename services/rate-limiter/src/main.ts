import { runService } from '@flotilla/host';
import { rateLimiterTarget } from './host-target.ts';

await runService(rateLimiterTarget);
