import { Cron } from 'croner';
import type { ScalingSpec, ScheduleSpec } from '../models/model-spec.ts';

export interface Bounds {
  readonly min: number;
  readonly max: number;
  /** The schedule that says so; absent: none is on. */
  readonly schedule?: string;
  /** Schedules that cannot be read, and why. */
  readonly unreadable: readonly string[];
}

/** What schedules say, asked once a minute: the calendar is slow to ask, and knows nothing finer. */
export class Schedules {
  #said: { key: string; bounds: Bounds } | undefined;

  boundsAt(scaling: ScalingSpec, now: number): Bounds {
    const { schedules, minReplicas, maxReplicas } = scaling;
    if (schedules.length === 0) return { min: Math.min(minReplicas, maxReplicas), max: maxReplicas, unreadable: [] };
    const key = JSON.stringify([Math.floor(now / 60_000), minReplicas, maxReplicas, schedules]);
    if (this.#said?.key !== key) this.#said = { key, bounds: boundsAt(scaling, now) };
    return this.#said.bounds;
  }
}

/** How few and how many replicas there may be now. Of several schedules that are on, the largest counts. */
function boundsAt({ schedules, minReplicas, maxReplicas }: ScalingSpec, now: number): Bounds {
  const unreadable: string[] = [];
  const on = schedules.filter((schedule) => {
    try {
      return isOn(schedule, now);
    } catch (error) {
      unreadable.push(`${schedule.name}: ${error instanceof Error ? error.message : String(error)}`);
      return false;
    }
  });
  const largest = (of: (schedule: ScheduleSpec) => number | undefined, otherwise: number) => {
    const values = on.map(of).filter((value) => value !== undefined);
    return values.length > 0 ? Math.max(...values) : otherwise;
  };
  const max = largest((schedule) => schedule.maxReplicas, maxReplicas);
  const min = Math.min(
    largest((schedule) => schedule.minReplicas, minReplicas),
    max,
  );
  return { min, max, unreadable, ...(on.length > 0 && { schedule: on.map(({ name }) => name).join(', ') }) };
}

/** Whether it began within its duration: asked of the calendar each time, so that a change of summer time or of the clock is right. */
function isOn({ start, timezone, durationMinutes }: ScheduleSpec, now: number): boolean {
  const began = new Cron(start, { timezone, paused: true }).nextRun(new Date(now - durationMinutes * 60_000));
  return began !== null && began.getTime() <= now;
}
