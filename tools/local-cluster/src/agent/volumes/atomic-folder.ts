import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';

/** Files by their path in the folder. */
export type Files = Readonly<Record<string, Buffer | string>>;

/**
 * Makes a folder hold exactly these files, all at once for who reads it: they lie in a folder of their own behind the link
 * `..data`, and a rename swaps that link, as kubelet does it.
 */
export function writeAtomically(folder: string, files: Files): void {
  mkdirSync(folder, { recursive: true });
  const version = mkdtempSync(path.join(folder, '..version-'));
  // Servers that do not run as root run as a user of their own.
  chmodSync(version, 0o755);
  for (const [name, content] of Object.entries(files)) {
    const file = path.join(version, name);
    if (!file.startsWith(version + path.sep)) throw new Error(`"${name}" leads out of its volume`);
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, content);
  }
  const data = path.join(folder, '..data');
  const before = linkOf(data);
  symlinkSync(path.basename(version), `${data}.next`);
  renameSync(`${data}.next`, data);
  const tops = topNames(files);
  for (const top of tops) {
    const link = path.join(folder, top);
    if (linkOf(link) === undefined) symlinkSync(path.join('..data', top), link);
  }
  if (before !== undefined) rmSync(path.join(folder, before), { recursive: true, force: true });
  for (const name of readdirSync(folder)) {
    if (!name.startsWith('..') && !tops.has(name)) rmSync(path.join(folder, name));
  }
}

function topNames(files: Files): Set<string> {
  return new Set(Object.keys(files).map((name) => name.split('/')[0]!));
}

function linkOf(file: string): string | undefined {
  try {
    return readlinkSync(file);
  } catch {
    return undefined;
  }
}
