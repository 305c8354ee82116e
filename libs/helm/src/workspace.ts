import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Values } from './helm.ts';

/** A folder of one command: its values, and what stands for the user's helm folders, so that plugins and repositories do not matter. */
export interface Workspace {
  readonly env: NodeJS.ProcessEnv;
  /** A file of these values, for this user's eyes alone. */
  valuesFile(values: Values): Promise<string>;
}

/** The folder is gone when this settles. */
export async function withWorkspace<T>(use: (workspace: Workspace) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(path.join(tmpdir(), 'flotilla-helm-'));
  const within = (name: string) => path.join(folder, name);
  try {
    return await use({
      env: {
        HELM_CACHE_HOME: within('cache'),
        HELM_CONFIG_HOME: within('config'),
        HELM_DATA_HOME: within('data'),
        HELM_PLUGINS: within('plugins'),
      },
      async valuesFile(values) {
        // JSON is YAML.
        const file = within('values.json');
        await writeFile(file, JSON.stringify(values), { mode: 0o600 });
        return file;
      },
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
