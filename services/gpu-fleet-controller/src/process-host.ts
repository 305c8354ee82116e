import type { LogFile } from './log-file.ts';

/** How a process ended. */
export interface ProcessExit {
  code: number | null;
  /** The signal that ended it, e.g. SIGKILL. */
  signal: string | null;
}

export interface RunningProcess {
  readonly pid: number;
  /** When it started, as the operating system says: with the pid it names a process for good, though pids are reused. */
  readonly startedAt: string;
  readonly ended: Promise<ProcessExit>;
  /** The last lines it wrote, oldest first; empty for one that was adopted and has no log. */
  logTail(): readonly string[];
  /** Reaches the processes it started as well. */
  signal(name: 'SIGTERM' | 'SIGKILL'): void;
}

export interface ProcessCommand {
  command: readonly string[];
  env: Readonly<Record<string, string>>;
}

export interface SpawnOptions {
  /** Where it writes to. Absent: only its last lines are kept, in memory. */
  log?: LogFile | undefined;
  /** Called before the program begins: what is not written down by then never runs. */
  recorded?(process: Pick<RunningProcess, 'pid' | 'startedAt'>): void;
}

/** What starts processes and finds those an earlier controller started. */
export interface ProcessHost {
  /** Throws when the program cannot be started. */
  spawn(command: ProcessCommand, options?: SpawnOptions): Promise<RunningProcess>;
  runs(pid: number, startedAt: string): boolean;
  /** The process, if it still runs. */
  adopt(pid: number, startedAt: string, log?: LogFile): RunningProcess | undefined;
}
