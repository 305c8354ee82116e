import { liveValue, parsePlatformFile } from '@flotilla/kernel';
import { defaults } from '../config.ts';
import { Plans } from './plans.ts';

/** Plans of a platform file's text, and the file to change it. */
export function plansOf(yaml: string) {
  const file = liveValue(parsePlatformFile(yaml));
  return { file, plans: new Plans(file, defaults) };
}
