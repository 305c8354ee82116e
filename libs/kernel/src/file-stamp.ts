import { statSync } from 'node:fs';

/** Changes when the file does, or another one takes its place: mounted secrets and config maps swap links, which file events miss. */
export function fileStamp(path: string): string {
  try {
    const { mtimeMs, size, ino } = statSync(path);
    return `${mtimeMs}:${size}:${ino}`;
  } catch {
    return 'absent';
  }
}
