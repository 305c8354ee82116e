/** A path that a container sees, and the folder or file of this machine that stands for it. */
export interface Mount {
  readonly path: string;
  readonly real: string;
}

/**
 * Writes the real path wherever a text names a mounted one: alone (`/etc/app`), in it (`/etc/app/x.yaml`), or after a
 * separator (`--config=/etc/app`). Processes have no mount namespace of their own, so that is how they find their volumes.
 */
export function createPathRewriter(mounts: readonly Mount[]): (text: string) => string {
  const real = new Map(mounts.map(({ path, real }) => [trimmed(path), real]));
  const paths = [...real.keys()].filter((path) => path !== '').sort((a, b) => b.length - a.length);
  if (paths.length === 0) return (text) => text;
  const pattern = new RegExp(String.raw`(?<![\w.\-/])(${paths.map(escaped).join('|')})(?![\w.\-])`, 'g');
  return (text) => text.replaceAll(pattern, (path) => real.get(path)!);
}

const escaped = (path: string) => path.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`);
const trimmed = (path: string) => path.replace(/\/+$/, '');
