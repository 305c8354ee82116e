import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { HelmError } from './helm.ts';

/** What a command may write to standard output: manifests of a big chart are a few hundred KiB. */
const outputLimit = 32 * 1024 * 1024;
/** Lines of standard error that are kept. */
const keptLines = 200;
/** A longer line is cut. */
const lineLength = 4_000;

export interface Command {
  readonly binary: string;
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  /** Ends the command; its reason is a HelmError or what the caller aborted with. */
  readonly signal: AbortSignal;
  /** Milliseconds between SIGTERM, at which helm marks the release as failed, and SIGKILL. */
  readonly killAfterMs?: number;
  onLine?(line: string): void;
}

export interface Outcome {
  readonly code: number;
  readonly stdout: string;
  /** The last lines of standard error. */
  readonly stderr: readonly string[];
}

/** Runs a program without a shell. Resolves when it ended by itself, whatever its code; the process is gone when this settles. */
export async function run({ binary, args, env, signal, onLine, killAfterMs = 10_000 }: Command): Promise<Outcome> {
  signal.throwIfAborted();
  const child = spawn(binary, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
  const stdout: Buffer[] = [];
  const stderr: string[] = [];
  let written = 0;
  let tooMuch = false;
  let force: NodeJS.Timeout | undefined;
  const end = () => {
    child.kill('SIGTERM');
    force ??= setTimeout(() => child.kill('SIGKILL'), killAfterMs);
  };

  child.stdout.on('data', (chunk: Buffer) => {
    written += chunk.length;
    if (written <= outputLimit) return void stdout.push(chunk);
    tooMuch = true;
    end();
  });
  createInterface({ input: child.stderr }).on('line', (whole) => {
    const line = whole.slice(0, lineLength);
    stderr.push(line);
    if (stderr.length > keptLines) stderr.shift();
    onLine?.(line);
  });

  signal.addEventListener('abort', end, { once: true });
  try {
    const code = await new Promise<number>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (status) => resolve(status ?? -1));
    });
    signal.throwIfAborted();
    if (tooMuch) throw new HelmError('failed', `helm wrote more than ${outputLimit} bytes`, stderr.slice(-40));
    return { code, stdout: Buffer.concat(stdout).toString(), stderr };
  } finally {
    clearTimeout(force);
    signal.removeEventListener('abort', end);
  }
}
