import { runService } from '@flotilla/host';
import { safetyTarget } from './host-target.ts';

await runService(safetyTarget);
