import type { BenchRow } from '../row.ts';
import { callFor } from '../rpc/load.ts';
import { CONCURRENCY } from './subjects.ts';

/** How often per second of this process's CPU. */
export async function perCore(run: (id: number) => Promise<unknown>): Promise<number> {
  let id = 0;
  const next = () => run((id += 1));
  // Long enough for V8 to have compiled what is hot.
  await callFor(2_000, CONCURRENCY, next);
  const before = process.cpuUsage();
  const { calls } = await callFor(3_000, CONCURRENCY, next);
  const { user, system } = process.cpuUsage(before);
  return Math.round((calls / (user + system)) * 1e6);
}

export function atLeast(name: string, measured: number, target: number, note: string): BenchRow {
  return { name, measured, unit: '/s', target: `≥ ${target}`, ok: measured >= target, note };
}

export function plain(name: string, measured: number, note: string): BenchRow {
  return { name, measured, unit: '/s', target: '', ok: true, note };
}
