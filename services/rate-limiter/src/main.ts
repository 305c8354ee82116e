import { runService } from '@flotilla/host';
import { rateLimiterTarget } from './target.ts';

await runService(rateLimiterTarget);
