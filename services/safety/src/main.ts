import { runService } from '@flotilla/host';
import { safetyTarget } from './target.ts';

await runService(safetyTarget);
