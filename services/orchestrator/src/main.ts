import { runService } from '@flotilla/host';
import { orchestratorTarget } from './host-target.ts';

await runService(orchestratorTarget);
