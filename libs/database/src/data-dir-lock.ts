import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';

export interface DataDirLock {
  release(): void;
}

/**
 * Locks a folder to this process, or throws with what to do. The lock is the operating system's, taken through SQLite's
 * exclusive mode: it goes with the process however that ends, so none is ever left behind, also in containers where
 * process ids repeat.
 */
export function lockDataDir(dir: string): DataDirLock {
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  const lock = new DatabaseSync(path.join(dir, 'flotilla.lock'));
  try {
    lock.exec('pragma locking_mode = exclusive; begin exclusive');
  } catch (cause) {
    lock.close();
    throw new Error(
      `the data folder ${dir} is in use by another process: stop that one, or give this one a folder of its own`,
      { cause },
    );
  }
  return { release: () => lock.close() };
}
