import { execFileSync, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { once } from 'node:events';
import type { Clock, Environment } from '@flotilla/kernel';
import { LogTail } from './log-tail.ts';
import type { ProcessExit, ProcessHost, RunningProcess } from './process-host.ts';

/** How often a process that is not our child is looked for, milliseconds. */
const adoptedCheckMs = 250;

/** How long the last words of a process that ended are waited for, milliseconds. */
const lastWordsMs = 200;

/** Processes of this machine. Children get this environment without what is the platform's own (FLOTILLA_*), and their own on top. */
export function createProcessHost(env: Environment, clock: Clock): ProcessHost {
  const inherited = Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith('FLOTILLA_')));
  return {
    async spawn({ command: [program, ...args], env: own }) {
      const child = spawn(program!, args, { env: { ...inherited, ...own }, stdio: ['ignore', 'pipe', 'pipe'] });
      const tail = new LogTail();
      child.stdout.on('data', (part: Buffer) => tail.add(part.toString('utf8')));
      child.stderr.on('data', (part: Buffer) => tail.add(part.toString('utf8')));
      const ended = new Promise<ProcessExit>((resolve) => {
        child.once('exit', (code, signal) => {
          const end = () => resolve({ code, signal });
          // What it wrote last may still be in the pipe; a grandchild may hold the pipe open for ever.
          const timer = clock.after(lastWordsMs, end);
          child.once('close', () => {
            timer.cancel();
            end();
          });
        });
      });
      await once(child, 'spawn');
      child.on('error', () => undefined);
      const pid = child.pid!;
      return {
        ...{ pid, ended, startedAt: startOf(pid) ?? '' },
        logTail: () => tail.lines(),
        signal: (name) => void child.kill(name),
      };
    },
    adopt: (pid, startedAt) => (startOf(pid) === startedAt ? adopted(pid, startedAt, clock) : undefined),
  };
}

function adopted(pid: number, startedAt: string, clock: Clock): RunningProcess {
  const ended = new Promise<ProcessExit>((resolve) => {
    const timer = clock.every(adoptedCheckMs, () => {
      if (startOf(pid) === startedAt) return;
      timer.cancel();
      resolve({ code: null, signal: null });
    });
  });
  const signal = (name: 'SIGTERM' | 'SIGKILL') => {
    try {
      if (startOf(pid) === startedAt) process.kill(pid, name);
    } catch {
      // It ended in between.
    }
  };
  return { pid, startedAt, ended, logTail: () => [], signal };
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
