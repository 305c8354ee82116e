import type { DrainPlan, Group } from './lifecycle.ts';

/**
 * Runs a group as this process: starts it, and ends it in stages on SIGTERM or SIGINT (a second signal ends at once).
 * A failed start prints the chain of causes and exits with 1.
 */
export async function runProcess(group: Group, plan: Partial<DrainPlan> = {}): Promise<void> {
  let signals = 0;
  const onSignal = () => {
    signals += 1;
    if (signals > 1) process.exit(130);
    // Something that keeps the loop busy while draining: timers of a Clock do not.
    const keepAlive = setInterval(() => undefined, 1_000);
    group.shutdown(plan).then(
      () => {
        clearInterval(keepAlive);
        process.exit(0);
      },
      (error: unknown) => {
        process.stderr.write(`${describe(error)}\n`);
        process.exit(1);
      },
    );
  };
  process.on('SIGTERM', onSignal);
  process.on('SIGINT', onSignal);
  try {
    await group.start();
  } catch (error) {
    process.stderr.write(`${describe(error)}\n`);
    process.exit(1);
  }
}

/** An error and its causes, one a line. */
export function describe(error: unknown): string {
  const lines: string[] = [];
  for (let at = error, depth = 0; at !== undefined && depth < 5; depth += 1) {
    lines.push(at instanceof Error ? `${depth > 0 ? 'because: ' : ''}${at.message}` : String(at));
    at = at instanceof Error ? at.cause : undefined;
  }
  return lines.join('\n  ');
}
