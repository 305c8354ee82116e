export interface CallFigures {
  calls: number;
  /** Milliseconds. */
  p50: number;
  p99: number;
  most: number;
}

/** Latencies kept for percentiles. */
const samples = 50_000;

/** Calls with `concurrency` callers, each at once again when answered, for `ms` milliseconds. */
export async function callFor(ms: number, concurrency: number, call: () => Promise<unknown>): Promise<CallFigures> {
  const latencies: number[] = [];
  let calls = 0;
  const until = performance.now() + ms;
  const caller = async () => {
    for (;;) {
      const start = performance.now();
      if (start >= until) return;
      await call();
      calls += 1;
      if (latencies.length < samples) latencies.push(performance.now() - start);
    }
  };
  await Promise.all(Array.from({ length: concurrency }, caller));
  latencies.sort((a, b) => a - b);
  const at = (share: number) => latencies[Math.min(latencies.length - 1, Math.floor(latencies.length * share))] ?? NaN;
  return { calls, p50: at(0.5), p99: at(0.99), most: at(1) };
}
