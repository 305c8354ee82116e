import { startProcess, type ProcessPlan } from './process.ts';

const outputLimit = 4_096;

/** Runs a command to its end; after the deadline it is killed, and this rejects. */
export async function execute(plan: ProcessPlan, timeoutMs: number): Promise<{ code: number; output: string }> {
  let output = '';
  const running = startProcess(plan, (chunk) => {
    output = (output + chunk.toString()).slice(-outputLimit);
  });
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    running.kill();
  }, timeoutMs);
  const { code, failure } = await running.ended.finally(() => clearTimeout(timer));
  if (late) throw new Error(`command timed out after ${timeoutMs} ms`);
  return { code, output: failure ?? output };
}
