import { readFileSync } from 'node:fs';
import { systemClock, type Clock } from '../clock.ts';
import { fileStamp } from '../file-stamp.ts';
import { liveValue, type Live } from '../live.ts';
import { parsePlatformFile, type PlatformFile } from './platform-file.ts';

export interface WatchedFile extends Live<PlatformFile> {
  /** Why the file on disk is not in force; undefined when it is. */
  readonly problem: string | undefined;
  close(): void;
}

export interface WatchOptions {
  clock?: Clock;
  /** Milliseconds between two looks. */
  intervalMs?: number;
  /** Told why a change was refused. */
  onProblem?: (problem: string) => void;
}

/**
 * Reads the file and follows its changes (a look every `intervalMs`). A broken file never replaces a good one: the last
 * good one stays and `problem` says why. The first read throws.
 */
export function watchPlatformFile(
  path: string,
  { clock = systemClock, intervalMs = 1_000, onProblem }: WatchOptions = {},
): WatchedFile {
  const live = liveValue(parsePlatformFile(readFileSync(path, 'utf8'), path));
  let seen = fileStamp(path);
  let problem: string | undefined;
  const timer = clock.every(intervalMs, () => {
    const now = fileStamp(path);
    if (now === seen) return;
    seen = now;
    try {
      live.set(parsePlatformFile(readFileSync(path, 'utf8'), path));
      problem = undefined;
    } catch (error) {
      problem = error instanceof Error ? error.message : String(error);
      onProblem?.(problem);
    }
  });
  return {
    get current() {
      return live.current;
    },
    get problem() {
      return problem;
    },
    onChange: live.onChange,
    close: () => timer.cancel(),
  };
}
