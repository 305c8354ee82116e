import { createServer } from 'node:net';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { discoverProviders } from '@flotilla/gpu-fleet-controller';
import { parsePlatformFile, type Environment, type PlatformFile } from '@flotilla/kernel';

export interface FoundEngines {
  file: PlatformFile;
  /** One line for the person at the terminal. */
  says: string;
}

/** What to serve when no platform file says so: the engines found on this machine, else the simulator. */
export async function findEngines(env: Environment): Promise<FoundEngines> {
  const providers = await discoverProviders(env);
  const [first] = providers;
  if (first) {
    const names = providers.map((provider) => `${provider.name} (${provider.base_url ?? provider.kind})`);
    return {
      file: { ...parsePlatformFile(''), providers, default_provider: first.name },
      says: `Engines found: ${names.join(', ')}`,
    };
  }
  return {
    file: { ...parsePlatformFile(''), providers: [await simulator()] },
    says: 'No engine found on this machine, so a SIMULATOR answers: its words mean nothing. Start Ollama or vLLM, or set OPENROUTER_API_KEY.',
  };
}

/** A simulator as a local engine process; it ends with this process. */
async function simulator() {
  const main = path.join(path.dirname(fileURLToPath(import.meta.resolve('@flotilla/engine-sim'))), 'main.js');
  const port = await freePort();
  return {
    name: 'simulator',
    kind: 'vllm' as const,
    base_url: `http://127.0.0.1:${port}/v1`,
    process: {
      command: [process.execPath, main, '--port', String(port), '--exit-with-parent'],
      env: {},
      start_timeout_ms: 20_000,
      autostart: true,
    },
  };
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() =>
        address && typeof address === 'object' ? resolve(address.port) : reject(new Error('no free port')),
      );
    });
  });
}
