import { readFileSync } from 'node:fs';
import path from 'node:path';

/** The commands of each section of the guide, in their order; `console` blocks are for people only. */
export function guideSections(): ReadonlyMap<string, readonly string[]> {
  const text = readFileSync(path.resolve(import.meta.dirname, '../../../docs/guides/kubernetes.md'), 'utf8');
  const sections = text.split(/^## /m).slice(1);
  return new Map(
    sections.map((section) => [
      section.slice(0, section.indexOf('\n')),
      [...section.matchAll(/^```sh\n(.*?)^```/gms)].map(([, block]) => block!),
    ]),
  );
}
