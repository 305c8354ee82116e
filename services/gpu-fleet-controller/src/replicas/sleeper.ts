import type { Clock } from '@flotilla/kernel';
import { logger } from '@flotilla/telemetry';
import { deadlineSignal } from '../deadline-signal.ts';
import { ProbeFailure } from '../probe.ts';
import type { PodEngine } from './pod-engine.ts';
import { sleepSeconds } from './replicas.metrics.ts';
import type { VllmControl } from './vllm-control.ts';

const log = logger('fleet');

/** What falling asleep may take: level 1 copies the weights to host memory, about 1 s per 2 GB. Milliseconds. */
const sleepTimeoutMs = 120_000;
/** An engine that did not fall asleep is not asked again for so long. Milliseconds. */
const coolMs = 60_000;

export interface SleeperParts {
  readonly clock: Clock;
  readonly control: VllmControl;
  readonly graceMs: number;
  /** What loading weights may take. Milliseconds. */
  startMs(): number;
  /** It does not wake up. */
  discard(engine: PodEngine, reason: string): void;
}

/** Brings the idle replicas of one Model to a level of sleep, and wakes them. */
export class Sleeper {
  /** Undefined: nobody has said; they are left as they are. */
  level: 0 | 1 | 2 | undefined;
  /** Monotonic time until when one is not sent to sleep; as many as there are engines. */
  private readonly cooling = new WeakMap<PodEngine, number>();
  private readonly works = new Set<Promise<void>>();
  private readonly closing = new AbortController();

  constructor(private readonly parts: SleeperParts) {}

  /** Does what is next for each. */
  step(engines: Iterable<PodEngine>): void {
    if (this.level === undefined || this.closing.signal.aborted) return;
    for (const engine of engines) {
      if (this.level > 0 || engine.sleepLevel > 0 || engine.retired) this.stepOne(engine, this.level);
    }
  }

  /** Wakes one up, whatever the level: a request waits. */
  wake(engine: PodEngine): void {
    if (engine.working || engine.sleepLevel === 0 || this.closing.signal.aborted) return;
    const level = engine.sleepLevel;
    this.work(engine, 'wake', level, async (signal) => {
      await this.parts.control.wake(engine.address, level, signal);
      return 0;
    });
  }

  async close(): Promise<void> {
    this.closing.abort();
    await Promise.all(this.works);
  }

  private stepOne(engine: PodEngine, level: 0 | 1 | 2): void {
    const now = this.parts.clock.monotonic();
    const goal = engine.keepUntil > now ? 0 : level;
    if (engine.working || engine.retired?.for === 'drain') return;
    if (engine.state === 'asleep') {
      if (goal === 0) return this.wake(engine);
      if (goal > engine.sleepLevel) this.deepen(engine);
      return;
    }
    if (engine.retired?.for === 'sleep') {
      const seen = engine.seenAt >= engine.retired.at + this.parts.graceMs;
      // After an order that failed nobody knows how it is until it has been asked.
      if (engine.seenAt === -Infinity) return;
      if (goal === 0 || !engine.sound || this.isCooling(engine) || (seen && engine.requests > 0))
        return engine.recall();
      if (seen && engine.quiet(this.parts.graceMs)) this.lay(engine, goal);
      return;
    }
    const idle = engine.state === 'ready' && engine.load !== undefined && engine.requests === 0;
    if (goal > 0 && idle && !this.isCooling(engine)) engine.retire('sleep');
  }

  private lay(engine: PodEngine, level: 1 | 2): void {
    this.work(engine, 'sleep', level, async (signal) => {
      await this.parts.control.sleep(engine.address, level, signal);
      return level;
    });
  }

  /** What sleeps stays at its level in vLLM: it is woken first, and nobody hears of it. */
  private deepen(engine: PodEngine): void {
    if (this.isCooling(engine)) return;
    this.work(engine, 'sleep', 2, async (signal) => {
      await this.parts.control.wake(engine.address, 1, signal);
      await this.parts.control.sleep(engine.address, 2, signal);
      return 2;
    });
  }

  private work(
    engine: PodEngine,
    order: 'sleep' | 'wake',
    level: 1 | 2,
    run: (signal: AbortSignal) => Promise<0 | 1 | 2>,
  ): void {
    engine.startWork(order);
    const done = this.ordered(engine, order, level, run);
    this.works.add(done);
    void done.finally(() => this.works.delete(done));
  }

  private async ordered(
    engine: PodEngine,
    order: 'sleep' | 'wake',
    level: 1 | 2,
    run: (signal: AbortSignal) => Promise<0 | 1 | 2>,
  ): Promise<void> {
    const { clock, startMs, discard } = this.parts;
    const began = clock.monotonic();
    const deadline = deadlineSignal(clock, order === 'sleep' ? sleepTimeoutMs : startMs(), this.closing.signal);
    let outcome = 'done';
    try {
      const reached = await run(deadline.signal);
      if (engine.retired?.for === 'sleep') engine.recall();
      engine.endWork(reached);
    } catch (error) {
      if (this.closing.signal.aborted) return;
      outcome = 'failed';
      if (!(error instanceof ProbeFailure)) log.error('an order to an engine broke', { engine: engine.id, error });
      const reason = error instanceof ProbeFailure ? error.message : 'the order broke';
      log.warn(`a replica did not ${order === 'sleep' ? 'fall asleep' : 'wake up'}`, {
        engine: engine.id,
        level,
        reason,
      });
      if (order === 'wake') return this.giveUp(engine, reason, discard);
      this.leave(engine);
    } finally {
      deadline.clear();
      sleepSeconds.record((clock.monotonic() - began) / 1_000, { order, level, outcome });
    }
  }

  private isCooling(engine: PodEngine): boolean {
    return (this.cooling.get(engine) ?? 0) > this.parts.clock.monotonic();
  }

  /** It is used as before once its next probe says that it is awake. */
  private leave(engine: PodEngine): void {
    this.cooling.set(engine, this.parts.clock.monotonic() + coolMs);
    engine.endWork(engine.sleepLevel);
  }

  private giveUp(engine: PodEngine, reason: string, discard: SleeperParts['discard']): void {
    engine.break(`it could not be woken up: ${reason}`);
    discard(engine, engine.reason);
  }
}
