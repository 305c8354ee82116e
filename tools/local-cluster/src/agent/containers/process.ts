import { spawn, type ChildProcess } from 'node:child_process';
import { constants } from 'node:os';
import { diesWithParent } from '@flotilla/testkit';

export interface ProcessPlan {
  command: readonly string[];
  env: Readonly<Record<string, string>>;
  cwd: string;
  uid?: number;
  gid?: number;
}

export interface Exit {
  /** As a shell tells it: 128 + the signal's number. 128 alone: it did not start. */
  code: number;
  signal?: number;
  /** Why it did not start. */
  failure?: string;
}

export interface RunningProcess {
  readonly pid: number | undefined;
  /** Resolves when it and all that it started have ended and its output is in. */
  readonly ended: Promise<Exit>;
  signal(name: NodeJS.Signals): void;
  /** SIGKILL, to all of them. */
  kill(): void;
}

/** Milliseconds for the last output of a process that has ended. */
const outputMs = 1_000;

const groups = new Set<number>();
let exitHook = false;

/** Starts a process in a group of its own. No group outlives this process. */
export function startProcess(plan: ProcessPlan, output: (chunk: Buffer) => void): RunningProcess {
  const [program, ...words] = diesWithParent([...plan.command]);
  const child = spawn(program!, words, {
    ...{ env: plan.env, cwd: plan.cwd, uid: plan.uid, gid: plan.gid },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  const { pid } = child;
  if (pid !== undefined) remember(pid);
  child.stdout.on('data', output);
  child.stderr.on('data', output);
  const kill = () => killGroup(pid);
  return { pid, ended: endOf(child, kill), signal: (name) => child.kill(name), kill };
}

function endOf(child: ChildProcess, kill: () => void): Promise<Exit> {
  return new Promise((resolve) => {
    child.once('error', (error) => resolve({ code: 128, failure: error.message }));
    child.once('exit', (code, name) => {
      kill();
      const signal = name === null ? undefined : constants.signals[name];
      const exit: Exit = { code: code ?? 128 + signal!, ...(signal === undefined ? {} : { signal }) };
      const late = setTimeout(() => resolve(exit), outputMs);
      child.once('close', () => {
        clearTimeout(late);
        if (child.pid !== undefined) groups.delete(child.pid);
        resolve(exit);
      });
    });
  });
}

function killGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // Nothing of the group is left.
  }
}

function remember(pid: number): void {
  groups.add(pid);
  if (exitHook) return;
  exitHook = true;
  process.once('exit', () => groups.forEach(killGroup));
}
