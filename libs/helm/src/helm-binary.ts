import { accessSync, constants } from 'node:fs';
import { homedir } from 'node:os';
import path from 'node:path';

/** The helm to run: FLOTILLA_HELM, else what `make tools` installed, else the PATH. Undefined: there is none. */
export function findHelm(env: NodeJS.ProcessEnv = process.env): string | undefined {
  if (env.FLOTILLA_HELM) return isExecutable(env.FLOTILLA_HELM) ? env.FLOTILLA_HELM : undefined;
  const folders = (env.PATH ?? '').split(path.delimiter).filter(Boolean);
  return [path.join(toolsFolder(env), 'bin'), ...folders].map((folder) => path.join(folder, 'helm')).find(isExecutable);
}

/** Where scripts/tools.mjs installs. */
function toolsFolder(env: NodeJS.ProcessEnv): string {
  if (env.FLOTILLA_TOOLS_DIR) return env.FLOTILLA_TOOLS_DIR;
  return process.getuid?.() === 0 ? '/var/cache/flotilla' : path.join(homedir(), '.cache/flotilla');
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
