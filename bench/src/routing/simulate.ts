import { createFakeClock, type FakeClock } from '@flotilla/testkit';
import type { Arrival, Prompt } from './shared-prefixes.ts';
import { SimulatedEngine } from './simulated-engine.ts';

/** Chooses among the engines, by their places. */
export interface Chooser {
  choose(prompt: Prompt): number;
  firstToken?(place: number, ttftMs: number, prompt: Prompt): void;
  ended?(place: number, prompt: Prompt): void;
  /** Called every second of the simulation with what the engines tell of themselves. */
  probed?(engines: readonly SimulatedEngine[]): void;
}

export interface Outcome {
  /** Milliseconds, ascending. */
  readonly ttft: readonly number[];
  readonly duration: readonly number[];
  /** Of the prompts' tokens, those that a cache held. */
  readonly hitRate: number;
  /** The busiest engine's requests at once, over the mean of all; averaged over the time of the load. */
  readonly imbalance: number;
  /** Requests of the busiest engine, over the mean of all. */
  readonly share: number;
  /** Requests that each engine got. */
  readonly requests: readonly number[];
}

export interface Simulation {
  readonly arrivals: readonly Arrival[];
  readonly outputTokens: number;
  /** Of each engine, against a standard one. */
  readonly speeds: readonly number[];
  /** Told the clock, so that it can set timers of its own. */
  chooser(clock: FakeClock): Chooser;
}

/** Sends the load to simulated engines in simulated time, and to the end. Exact, and the same each time. */
export function simulate({ arrivals, outputTokens, speeds, chooser: create }: Simulation): Outcome {
  const clock = createFakeClock(0);
  const engines = speeds.map((speed) => new SimulatedEngine(clock, speed));
  const chooser = create(clock);
  const [ttft, duration]: number[][] = [[], []];
  const [requests, inFlight] = [speeds.map(() => 0), speeds.map(() => 0)];
  const imbalances: number[] = [];
  const last = arrivals.at(-1)!.atMs;
  const probes = clock.every(1_000, () => {
    chooser.probed?.(engines);
    const mean = inFlight.reduce((sum, count) => sum + count, 0) / inFlight.length;
    // While it warms up and runs out a few requests would say much.
    if (mean >= 4 && clock.monotonic() < last) imbalances.push(Math.max(...inFlight) / mean);
  });
  for (const { atMs, prompt } of arrivals) {
    clock.advance(atMs - clock.monotonic());
    const place = chooser.choose(prompt);
    requests[place]! += 1;
    inFlight[place]! += 1;
    engines[place]!.ask(prompt, {
      outputTokens,
      onFirstToken() {
        ttft!.push(clock.monotonic() - atMs);
        chooser.firstToken?.(place, clock.monotonic() - atMs, prompt);
      },
      onDone() {
        duration!.push(clock.monotonic() - atMs);
        inFlight[place]! -= 1;
        chooser.ended?.(place, prompt);
      },
    });
  }
  while (duration!.length < arrivals.length) clock.advance(1_000);
  probes.cancel();
  const sum = (of: (engine: SimulatedEngine) => number) => engines.reduce((total, engine) => total + of(engine), 0);
  return {
    ttft: ttft!.sort((a, b) => a - b),
    duration: duration!.sort((a, b) => a - b),
    hitRate: sum(({ metrics }) => metrics.prefixCacheHits) / sum(({ metrics }) => metrics.prefixCacheQueries),
    imbalance: imbalances.reduce((total, one) => total + one, 0) / Math.max(1, imbalances.length),
    share: Math.max(...requests) / (arrivals.length / engines.length),
    requests,
  };
}

export function quantile(ascending: readonly number[], share: number): number {
  return ascending[Math.min(ascending.length - 1, Math.floor(ascending.length * share))]!;
}
