import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ProviderConfig, ServiceConfig } from '@flotilla/kernel';

/** The simulator's entry as source: Node runs it without a build. */
const main = path.join(path.dirname(fileURLToPath(import.meta.url)), '../../../tools/engine-sim/src/main.ts');

/** A provider whose engine is a simulator process on this port. */
export function simProvider(
  port: number,
  options: { name?: string; args?: string[]; autostart?: boolean; startTimeoutMs?: number } = {},
): ProviderConfig {
  const { name = 'sim', args = [], autostart = true, startTimeoutMs = 20_000 } = options;
  return {
    name,
    kind: 'vllm',
    base_url: `http://127.0.0.1:${port}/v1`,
    process: {
      command: [process.execPath, main, '--port', String(port), '--exit-with-parent', ...args],
      env: {},
      start_timeout_ms: startTimeoutMs,
      autostart,
    },
  };
}

/** A provider with a simulator for each of these names, one at a time on this port. */
export function simServices(
  port: number,
  names: Record<string, string[]>,
  onDemand: ProviderConfig['on_demand'] = { min_up_ms: 0 },
): ProviderConfig {
  const services = Object.entries(names).map(([name, args]): ServiceConfig => {
    const command = [process.execPath, main, '--port', String(port), '--model', name, '--exit-with-parent', ...args];
    return { name, command, env: {}, args: [] };
  });
  return { name: 'local', kind: 'vllm', base_url: `http://127.0.0.1:${port}/v1`, services, on_demand: onDemand };
}
