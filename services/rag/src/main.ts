import { runService } from '@flotilla/host';
import { ragTarget } from './target.ts';

await runService(ragTarget);
