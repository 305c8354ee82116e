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
  /** The last lines it wrote, oldest first; empty for one that was adopted. */
  logTail(): readonly string[];
  signal(name: 'SIGTERM' | 'SIGKILL'): void;
}

export interface ProcessCommand {
  command: readonly string[];
  env: Readonly<Record<string, string>>;
}

/** What starts processes and finds those an earlier controller started. */
export interface ProcessHost {
  /** Throws when the program cannot be started. */
  spawn(command: ProcessCommand): Promise<RunningProcess>;
  /** The process, if it still runs. */
  adopt(pid: number, startedAt: string): RunningProcess | undefined;
}
