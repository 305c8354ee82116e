import { spawn, type ChildProcess } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import type { LoadPlan, LoadResult } from './load.ts';

const clockTicksPerSecond = 100; // Linux reports CPU time in USER_HZ

/** Seconds of CPU (user and system) a process has used; 0 when it is gone. */
export function cpuSeconds(pid: number): number {
  const fields = statFields(pid);
  return fields ? (Number(fields[11]) + Number(fields[12])) / clockTicksPerSecond : 0;
}

/** Seconds of CPU that children of a process used which have ended. */
export function endedChildrenCpuSeconds(pid: number): number {
  const fields = statFields(pid);
  return fields ? (Number(fields[13]) + Number(fields[14])) / clockTicksPerSecond : 0;
}

/** Resident memory in MiB; 0 when the process is gone. */
export function residentMiB(pid: number): number {
  try {
    return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1_024;
  } catch {
    return 0;
  }
}

/** The children of a process, and theirs. */
export function descendants(pid: number): number[] {
  const children = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((child) => Number(statFields(child)?.[1]) === pid);
  return children.flatMap((child) => [child, ...descendants(child)]);
}

/** Fields of /proc/<pid>/stat after the command, which may hold blanks. */
function statFields(pid: number): string[] | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  } catch {
    return undefined;
  }
}

export interface Measured extends LoadResult {
  /** Microseconds of CPU per request, by process name. */
  cpuPerRequest: Record<string, number>;
  /** Microseconds of CPU per streamed token, over all processes. */
  cpuPerToken: number;
}

/** Runs a load and says what it cost the processes named. */
export async function measure(plan: LoadPlan, pids: Record<string, number>): Promise<Measured> {
  const child = spawn(process.execPath, [path.join(import.meta.dirname, 'load.js'), JSON.stringify(plan)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  await lines.next();
  const before = Object.fromEntries(Object.entries(pids).map(([name, pid]) => [name, cpuSeconds(pid)]));
  child.stdin.write('go\n');
  const line = await lines.next();
  if (line.done) throw new Error('the load driver ended without a result');
  const result = JSON.parse(line.value) as LoadResult;
  const used = Object.fromEntries(Object.entries(pids).map(([name, pid]) => [name, cpuSeconds(pid) - before[name]!]));
  const cpuPerRequest = Object.fromEntries(
    Object.entries(used).map(([name, seconds]) => [name, (seconds / plan.requests) * 1e6]),
  );
  const all = Object.values(used).reduce((sum, seconds) => sum + seconds, 0);
  return { ...result, cpuPerRequest, cpuPerToken: result.tokens > 0 ? (all / result.tokens) * 1e6 : 0 };
}

/** The bench engine as a process. */
export async function startEngine(port: number, env: Record<string, string> = {}): Promise<ChildProcess> {
  const child = spawn(process.execPath, [path.join(import.meta.dirname, 'engine.js'), String(port)], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await createInterface({ input: child.stdout })[Symbol.asyncIterator]().next();
  return child;
}
