import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';

/** The chart that a Model's objects are rendered from. */
export interface Chart {
  readonly folder: string;
  readonly version: string;
  /** Of all its files: what was rendered from another is rendered again. */
  readonly digest: string;
}

/** Reads a chart's folder. Throws a sentence that says what to do when it is none. */
export async function readChart(folder: string): Promise<Chart> {
  const meta = await readFile(path.join(folder, 'Chart.yaml'), 'utf8').catch((cause: unknown) => {
    throw new Error(
      `There is no chart in ${folder}: FLOTILLA_FLEET_ENGINE_CHART has to name the folder of charts/vllm-engine.`,
      { cause },
    );
  });
  const version = /^version:\s*["']?([^"'\s#]+)/m.exec(meta)?.[1];
  if (version === undefined) throw new Error(`${folder}/Chart.yaml has no version.`);
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => path.join(entry.parentPath, entry.name));
  const hash = createHash('sha256');
  for (const file of files.sort()) {
    hash.update(`${path.relative(folder, file)}\0`).update(await readFile(file));
  }
  return { folder, version, digest: hash.digest('hex') };
}
