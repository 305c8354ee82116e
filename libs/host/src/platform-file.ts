import { watchPlatformFile, type WatchedFile } from '@flotilla/kernel';
import { logger } from '@flotilla/telemetry';

const log = logger('platform-file');

/** The platform file, followed; a change that is not valid is told in the log and leaves the last good one in force. */
export function followPlatformFile(path: string): WatchedFile {
  return watchPlatformFile(path, {
    onProblem: (problem) => log.error('a change of the platform file is not in force', { path, problem }),
  });
}
