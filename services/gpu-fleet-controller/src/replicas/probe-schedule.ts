import type { Clock, Random, Timer } from '@flotilla/kernel';
import { varied } from '../varied.ts';
import type { ReplicaSettings } from './settings.ts';

/** How soon a pod is to be looked at again; off: not at all. */
export type Pace = 'starting' | 'busy' | 'calm' | 'off';

/** Probes under way at once. */
const maxAtOnce = 64;

export interface Looking {
  /** From now on. A change is followed at once when it means sooner. */
  pace(pace: Pace): void;
  /** Looks now, or as soon as there is room. */
  soon(): void;
  remove(): void;
}

interface Entry {
  readonly look: () => Promise<void>;
  pace: Pace;
  timer: Timer | undefined;
  /** Monotonic time of the next look. */
  dueAt: number;
  state: 'waiting' | 'queued' | 'looking' | 'removed';
  /** It was asked for while one was under way. */
  again: boolean;
}

export interface ScheduleParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly settings: ReplicaSettings;
}

/**
 * When each pod of all Models is looked at. Together they are looked at no more often than the settings allow: past that the
 * periods grow, and those that start have half of it for themselves, so that a large calm fleet does not slow them down.
 */
export class ProbeSchedule {
  private readonly counts = { starting: 0, busy: 0, calm: 0, off: 0 };
  private readonly periods: Readonly<Record<Exclude<Pace, 'off'>, number>>;
  /** Each pod is in it at most once. */
  private readonly queue: Entry[] = [];
  private looking = 0;

  constructor(private readonly parts: ScheduleParts) {
    const { podProbeStartingMs, podProbeBusyMs, podProbeCalmMs } = parts.settings;
    this.periods = { starting: podProbeStartingMs, busy: podProbeBusyMs, calm: podProbeCalmMs };
  }

  /** `look` does not throw. The first look is at once, or spread over a period where there are more than can be. */
  add(look: () => Promise<void>, pace: Pace): Looking {
    const entry: Entry = { look, pace, timer: undefined, dueAt: Infinity, state: 'waiting', again: false };
    this.counts[pace] += 1;
    this.schedule(entry, (this.stretch(pace) - 1) * this.period(pace) * this.parts.random.next());
    return {
      pace: (next) => this.change(entry, next),
      soon: () => this.soon(entry),
      remove: () => this.remove(entry),
    };
  }

  private change(entry: Entry, pace: Pace): void {
    if (entry.pace === pace || entry.state === 'removed') return;
    this.counts[entry.pace] -= 1;
    this.counts[pace] += 1;
    entry.pace = pace;
    if (entry.state !== 'waiting') return;
    if (pace === 'off') return this.cancel(entry);
    const wait = this.wait(pace);
    if (this.parts.clock.monotonic() + wait < entry.dueAt) this.schedule(entry, wait);
  }

  private soon(entry: Entry): void {
    if (entry.state === 'looking') entry.again = true;
    else if (entry.state === 'waiting') this.due(entry);
  }

  private remove(entry: Entry): void {
    if (entry.state === 'removed') return;
    this.counts[entry.pace] -= 1;
    this.cancel(entry);
    entry.state = 'removed';
  }

  private cancel(entry: Entry): void {
    entry.timer?.cancel();
    entry.dueAt = Infinity;
  }

  private schedule(entry: Entry, ms: number): void {
    this.cancel(entry);
    if (entry.pace === 'off') return;
    entry.dueAt = this.parts.clock.monotonic() + ms;
    entry.timer = this.parts.clock.after(ms, () => this.due(entry));
  }

  private due(entry: Entry): void {
    this.cancel(entry);
    entry.state = 'queued';
    this.queue.push(entry);
    this.next();
  }

  private next(): void {
    while (this.looking < maxAtOnce) {
      const entry = this.queue.shift();
      if (!entry) return;
      if (entry.state === 'queued') void this.run(entry);
    }
  }

  private async run(entry: Entry): Promise<void> {
    this.looking += 1;
    entry.state = 'looking';
    try {
      await entry.look();
    } finally {
      this.looking -= 1;
      this.ended(entry);
      this.next();
    }
  }

  private ended(entry: Entry): void {
    // Removed while it was looked at.
    if ((entry.state as Entry['state']) === 'removed') return;
    entry.state = 'waiting';
    const { again } = entry;
    entry.again = false;
    this.schedule(entry, again ? 0 : this.wait(entry.pace));
  }

  private wait(pace: Pace): number {
    return varied(this.period(pace) * this.stretch(pace), this.parts.random);
  }

  private period(pace: Pace): number {
    return pace === 'off' ? 0 : this.periods[pace];
  }

  /** By how much a period is longer than it should be. */
  private stretch(pace: Pace): number {
    const rate = (one: Exclude<Pace, 'off'>) => (this.counts[one] * 1_000) / this.periods[one];
    const all = this.parts.settings.podProbesPerSecond;
    const [starting, others] = [rate('starting'), rate('busy') + rate('calm')];
    const [own, other] = pace === 'starting' ? [starting, others] : [others, starting];
    return Math.max(1, own / Math.max(all / 2, all - other));
  }
}
