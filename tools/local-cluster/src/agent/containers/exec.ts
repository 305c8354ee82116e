import { startProcess, type ProcessPlan } from './process.ts';

const outputLimit = 4_096;

/** Runs a command to its end; after the deadline it is killed, and this rejects. When the signal aborts it is killed too. */
export async function execute(
  plan: ProcessPlan,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<{ code: number; output: string }> {
  signal.throwIfAborted();
  let output = '';
  const running = startProcess(plan, (chunk) => {
    output = (output + chunk.toString()).slice(-outputLimit);
  });
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    running.kill();
  }, timeoutMs);
  signal.addEventListener('abort', running.kill, { once: true });
  const { code, failure } = await running.ended;
  clearTimeout(timer);
  signal.removeEventListener('abort', running.kill);
  if (late) throw new Error(`command timed out after ${timeoutMs} ms`);
  return { code, output: failure ?? output };
}
