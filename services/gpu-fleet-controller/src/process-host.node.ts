import { execFileSync, spawn } from 'node:child_process';
import { accessSync, closeSync, constants, readFileSync } from 'node:fs';
import { once } from 'node:events';
import path from 'node:path';
import type { Clock, Environment } from '@flotilla/kernel';
import { LogTail } from './log-tail.ts';
import type { ProcessExit, ProcessHost, RunningProcess } from './process-host.ts';

/** How often a process that is not our child is looked for, milliseconds. */
const adoptedCheckMs = 250;
/** How long the last words of a process that ended are waited for, milliseconds. */
const lastWordsMs = 200;
/** How often the length of a log is looked at, milliseconds. */
const logCheckMs = 1_000;

/**
 * Becomes the program once it is told to, and ends when it is not: a controller that is killed between the start of a process
 * and the writing down of its pid leaves nothing that runs.
 */
const onceRecorded = ['/bin/sh', '-c', 'read -r recorded && exec "$@" </dev/null', 'engine'] as const;

/**
 * Processes of this machine, each the leader of a group. Children get this environment without what is the platform's own
 * (FLOTILLA_*), and their own on top.
 */
export function createProcessHost(env: Environment, clock: Clock): ProcessHost {
  const inherited = Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith('FLOTILLA_')));
  return {
    async spawn({ command, env: own }, { log, recorded } = {}) {
      const environment = { ...inherited, ...own };
      assertProgram(command[0]!, environment['PATH'] ?? '');
      const descriptor = log?.open();
      const output = descriptor ?? 'pipe';
      const [shell, ...args] = [...onceRecorded, ...command];
      const child = spawn(shell, args, { env: environment, stdio: ['pipe', output, output], detached: true });
      if (descriptor !== undefined) closeSync(descriptor);
      child.stdin!.on('error', () => undefined);
      const tail = new LogTail();
      child.stdout?.on('data', (part: Buffer) => tail.add(part.toString('utf8')));
      child.stderr?.on('data', (part: Buffer) => tail.add(part.toString('utf8')));
      const trimming = log && clock.every(logCheckMs, () => log.trim());
      const ended = new Promise<ProcessExit>((resolve) => {
        child.once('exit', (code, signal) => {
          trimming?.cancel();
          signalGroup(child.pid!, 'SIGKILL');
          const end = () => resolve({ code, signal });
          // What it wrote last may still be in the pipe; a grandchild may hold the pipe open for ever.
          const timer = clock.after(lastWordsMs, end);
          child.once('close', () => {
            timer.cancel();
            end();
          });
        });
      });
      try {
        await once(child, 'spawn');
      } catch (error) {
        trimming?.cancel();
        throw error;
      }
      child.on('error', () => undefined);
      const pid = child.pid!;
      const startedAt = startOf(pid) ?? '';
      try {
        recorded?.({ pid, startedAt });
      } catch (error) {
        child.stdin!.destroy();
        throw error;
      }
      child.stdin!.end('recorded\n');
      return {
        ...{ pid, ended, startedAt },
        logTail: () => (log ? log.lines() : tail.lines()),
        signal: (name) => {
          if (child.exitCode === null && child.signalCode === null) signalGroup(pid, name);
        },
      };
    },
    runs: (pid, startedAt) => startOf(pid) === startedAt,
    adopt(pid, startedAt, log) {
      if (startOf(pid) !== startedAt) return undefined;
      return { ...adopted(pid, startedAt, clock, () => log?.trim()), logTail: () => log?.lines() ?? [] };
    },
  };
}

function adopted(pid: number, startedAt: string, clock: Clock, look: () => void): Omit<RunningProcess, 'logTail'> {
  const ended = new Promise<ProcessExit>((resolve) => {
    const timer = clock.every(adoptedCheckMs, () => {
      look();
      if (startOf(pid) === startedAt) return;
      timer.cancel();
      signalGroup(pid, 'SIGKILL');
      resolve({ code: null, signal: null });
    });
  });
  const signal = (name: 'SIGTERM' | 'SIGKILL') => {
    if (startOf(pid) === startedAt && !signalGroup(pid, name)) signalProcess(pid, name);
  };
  return { pid, startedAt, ended, signal };
}

/** False: it leads no group, or the group is gone. */
function signalGroup(pid: number, name: 'SIGTERM' | 'SIGKILL'): boolean {
  return signalProcess(-pid, name);
}

function signalProcess(pid: number, name: 'SIGTERM' | 'SIGKILL'): boolean {
  try {
    process.kill(pid, name);
    return true;
  } catch {
    return false;
  }
}

/** Throws as the operating system would: the shell would only say so on its output. */
function assertProgram(program: string, searched: string): void {
  if (program.includes('/')) return accessSync(program, constants.X_OK);
  const found = searched.split(path.delimiter).some((folder) => {
    try {
      accessSync(path.join(folder, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
  if (!found) throw Object.assign(new Error('the program is not in the PATH'), { code: 'ENOENT' });
}

/** When a live process started: clock ticks since boot from /proc, elsewhere what ps says. Undefined: there is no such process. */
function startOf(pid: number): string | undefined {
  try {
    if (process.platform !== 'linux') {
      return (
        execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], { timeout: 2_000 })
          .toString()
          .trim() || undefined
      );
    }
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The name in parentheses may hold blanks: fields are counted from its end; state is the 3rd, start time the 22nd.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' ? undefined : fields[19];
  } catch {
    return undefined;
  }
}
