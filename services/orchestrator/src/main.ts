import { runService } from '@flotilla/host';
import { orchestratorTarget } from './target.ts';

await runService(orchestratorTarget);
