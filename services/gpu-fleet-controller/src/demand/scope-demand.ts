import type { events } from '@flotilla/contracts';
import type { Demand, Outcomes } from '../models/world.ts';
import { OutcomeTally } from './outcome-tally.ts';

/** Versions of a Model whose outcomes are kept; the one that is there longest goes first. */
const maxRevisions = 8;

/** What one router said of one model last. */
export interface ModelWish {
  readonly held: number;
  readonly running: number;
  /** A second. */
  readonly arriving: number;
  /** Something waits that may be among what others hold: a controller was asked for it. */
  readonly waits: boolean;
}

/** Requests for one Model of the cluster: those that routers have, and those that asked this controller itself. */
export class ScopeDemand {
  private readonly tallies = new Map<string, OutcomeTally>();
  private lastUsedAt: number;
  private waiting = 0;

  constructor(
    /** The model and its adapters, as clients call them. */
    public names: readonly string[],
    startedAt: number,
    private readonly wishes: (name: string) => Iterable<ModelWish>,
    private readonly now: () => number,
    private readonly changed: () => void,
  ) {
    this.lastUsedAt = startedAt;
  }

  /** Requests run on it now. */
  used(): void {
    this.lastUsedAt = this.now();
  }

  /** Something waits for it here; call what is returned when it does no more. */
  wait(): () => void {
    this.waiting += 1;
    this.used();
    this.changed();
    let over = false;
    return () => {
      if (!over) this.waiting -= 1;
      over = true;
    };
  }

  /** Whether anything waits here: other controllers have to hear of it. */
  get waits(): boolean {
    return this.waiting > 0;
  }

  heard(wish: ModelWish): void {
    if (wish.held + wish.running + wish.arriving > 0 || wish.waits) this.used();
    if (wish.held > 0 || wish.waits) this.changed();
  }

  count(revision: string, outcomes: events.EngineOutcomes): void {
    let tally = this.tallies.get(revision);
    if (!tally) {
      if (this.tallies.size >= maxRevisions) this.tallies.delete(this.tallies.keys().next().value!);
      this.tallies.set(revision, (tally = new OutcomeTally()));
    }
    tally.add(outcomes);
  }

  demand(): Demand {
    let { waits } = this;
    const sum = { held: 0, running: 0, arrived: 0 };
    const adapters = new Map<string, number>();
    const [served, ...others] = this.names;
    for (const name of this.names) {
      for (const { held, running, arriving, waits: asked } of this.wishes(name)) {
        waits ||= asked;
        sum.held += held;
        sum.running += running;
        sum.arrived += arriving;
        if (name !== served && others.includes(name)) adapters.set(name, (adapters.get(name) ?? 0) + held + running);
      }
    }
    // A router that holds a request also asks for its model: the same request is not counted twice.
    const held = Math.max(sum.held, waits ? 1 : 0);
    const outcomes = new Map<string, Outcomes>([...this.tallies].map(([name, tally]) => [name, tally.total()]));
    return { ...sum, held, adapters, outcomes, lastUsedAt: this.lastUsedAt };
  }
}
