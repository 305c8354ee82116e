import type { Clock, Timer } from '@flotilla/kernel';
import type { ProbeSpec } from '../pod-spec.ts';

export interface ProbeOutcome {
  healthy: boolean;
  /** Of the check that failed last. */
  message: string;
}

export interface ProbeListener {
  /** The probe's verdict changed: it passed `successThreshold`, or failed `failureThreshold` times in a row. */
  verdict(outcome: ProbeOutcome): void;
  /** One check failed. */
  failed(message: string): void;
}

/** Runs a probe by its periods and thresholds until it is stopped. A check never overlaps the next. Returns how to stop it. */
export function startProbe(
  spec: ProbeSpec,
  clock: Clock,
  check: (timeoutMs: number) => Promise<void>,
  listener: ProbeListener,
): () => void {
  const { initialDelaySeconds = 0, periodSeconds = 10, timeoutSeconds = 1 } = spec;
  const needed = { true: spec.successThreshold ?? 1, false: spec.failureThreshold ?? 3 };
  let stopped = false;
  let timer: Timer;
  let row = { healthy: false, length: 0 };
  let verdict: boolean | undefined;

  const note = (healthy: boolean, message: string) => {
    if (stopped) return;
    row = { healthy, length: row.healthy === healthy ? row.length + 1 : 1 };
    if (!healthy) listener.failed(message);
    if (verdict !== healthy && row.length >= needed[`${healthy}`]) {
      verdict = healthy;
      listener.verdict({ healthy, message });
    }
    if (!stopped) timer = clock.after(periodSeconds * 1_000, run);
  };
  const run = () => {
    check(timeoutSeconds * 1_000).then(
      () => note(true, ''),
      (error: unknown) => note(false, error instanceof Error ? error.message : String(error)),
    );
  };
  timer = clock.after(initialDelaySeconds * 1_000, run);
  return () => {
    stopped = true;
    timer.cancel();
  };
}
