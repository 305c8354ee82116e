import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createWriteStream } from 'node:fs';
import { connect } from 'node:net';
import { until } from './poll.ts';

/** What tells that a process serves: a line it writes, a port of 127.0.0.1 that takes connections, or a URL that answers 2xx. */
export type Readiness = { line: RegExp } | { port: number } | { url: string } | { check: () => Promise<boolean> };

export interface ChildOptions {
  command: string;
  args?: readonly string[];
  /** Added to this process's environment. */
  env?: Readonly<Record<string, string>>;
  cwd?: string;
  /** A file that takes all it writes; what it held is replaced. */
  logFile?: string;
  uid?: number;
  gid?: number;
  /** Absent: ready as soon as it runs. */
  ready?: Readiness;
  /** Milliseconds until it must be ready. Default 30,000. */
  readyTimeoutMs?: number;
  /** Milliseconds between the polite signal and SIGKILL. Default 5,000. */
  stopTimeoutMs?: number;
  /** The polite signal. Default SIGTERM. */
  stopSignal?: NodeJS.Signals;
}

export interface Child {
  readonly pid: number;
  /** The last 256 KiB of what it wrote, both streams. */
  readonly output: string;
  /** Undefined while it runs. */
  readonly exit: { code: number | null; signal: NodeJS.Signals | null } | undefined;
  /** Resolves when it has ended. */
  readonly ended: Promise<void>;
  signal(name: NodeJS.Signals): void;
  /** Asks it to end, makes it end after the deadline. Resolves when it has ended. Idempotent. */
  stop(): Promise<void>;
  /** SIGKILL, as a crash. Resolves when it has ended. */
  kill(): Promise<void>;
}

const outputLimit = 256 * 1024;
const running = new Set<ChildProcess>();
let exitHook = false;

/** Starts a process and resolves when it is ready; throws with its output when it ends or is late. None outlives this process. */
export async function startChild(options: ChildOptions): Promise<Child> {
  const { command, args = [], env, cwd, uid, gid, ready, readyTimeoutMs = 30_000, stopTimeoutMs = 5_000 } = options;
  const [program, ...words] = diesWithParent([command, ...args]);
  const child = spawn(program!, words, {
    env: { ...process.env, ...env },
    cwd,
    ...(uid === undefined ? {} : { uid, gid }),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  killWithThisProcess(child);

  const log = options.logFile === undefined ? undefined : createWriteStream(options.logFile);
  let output = '';
  const capture = (chunk: Buffer) => {
    output = (output + chunk.toString()).slice(-outputLimit);
    log?.write(chunk);
  };
  child.stdout.on('data', capture);
  child.stderr.on('data', capture);

  let exit: Child['exit'];
  let failure: Error | undefined;
  const ended = new Promise<void>((resolve) => {
    child.once('error', (error) => {
      failure = error;
      running.delete(child);
      resolve();
    });
    child.once('close', (code, signal) => {
      exit = { code, signal };
      running.delete(child);
      log?.end();
      resolve();
    });
  });
  const hasEnded = () => failure !== undefined || exit !== undefined;

  const end = async (first: NodeJS.Signals) => {
    if (hasEnded()) return ended;
    child.kill(first);
    const force = setTimeout(() => child.kill('SIGKILL'), stopTimeoutMs);
    await ended.finally(() => clearTimeout(force));
  };

  try {
    await until(async () => hasEnded() || (child.pid !== undefined && (!ready || (await isReady(ready, output)))), {
      timeoutMs: readyTimeoutMs,
      everyMs: 5,
      what: `${command} to be ready`,
    });
    if (hasEnded() && ready) throw failure ?? new Error(`${command} ended with ${exit?.code ?? exit?.signal}`);
    if (failure) throw failure;
  } catch (cause) {
    await end('SIGKILL');
    throw new Error(`${command} did not start: ${output.trim().slice(-2_000) || 'it wrote nothing'}`, { cause });
  }

  return {
    pid: child.pid!,
    get output() {
      return output;
    },
    get exit() {
      return exit;
    },
    ended,
    signal: (name) => child.kill(name),
    stop: () => end(options.stopSignal ?? 'SIGTERM'),
    kill: () => end('SIGKILL'),
  };
}

function killWithThisProcess(child: ChildProcess): void {
  running.add(child);
  if (exitHook) return;
  exitHook = true;
  process.once('exit', () => {
    for (const each of running) each.kill('SIGKILL');
  });
}

async function isReady(ready: Readiness, output: string): Promise<boolean> {
  if ('line' in ready) return output.split('\n').some((line) => ready.line.test(line));
  if ('port' in ready) return takesConnections(ready.port);
  if ('check' in ready) return ready.check();
  const response = await fetch(ready.url, { signal: AbortSignal.timeout(1_000) });
  await response.body?.cancel();
  return response.ok;
}

let setpriv: string | undefined;

/**
 * On Linux the kernel ends the process when this one dies in whatever way, also by SIGKILL, where no exit hook runs.
 * setpriv replaces itself by the command, so the process id is the command's.
 */
export function diesWithParent(command: string[]): string[] {
  if (process.platform !== 'linux') return command;
  setpriv ??= ['/usr/bin/setpriv', '/bin/setpriv'].find((file) => existsSync(file)) ?? '';
  return setpriv === '' ? command : [setpriv, '--pdeathsig', 'KILL', '--', ...command];
}

/** Whether something listens on the port of 127.0.0.1. */
export function takesConnections(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1', timeout: 1_000 });
    const answer = (open: boolean) => {
      socket.destroy();
      resolve(open);
    };
    socket.once('connect', () => answer(true));
    socket.once('error', () => answer(false));
    socket.once('timeout', () => answer(false));
  });
}
