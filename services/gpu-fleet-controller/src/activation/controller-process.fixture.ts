import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { ProviderConfig } from '@flotilla/kernel';

const main = fileURLToPath(new URL('controller-main.fixture.ts', import.meta.url));

/** A controller in a process of its own that is asked for a model at once, so that it can be killed at any moment. */
export function startController(stateDir: string, provider: ProviderConfig, model: string): ChildProcess {
  const types = [
    '--experimental-transform-types',
    '--disable-warning=ExperimentalWarning',
    '--conditions=flotilla-source',
  ];
  const argument = JSON.stringify({ stateDir, provider, model });
  return spawn(process.execPath, [...types, main, argument], { stdio: 'inherit', env: { PATH: process.env['PATH'] } });
}
