import type { events } from '@flotilla/contracts';
import type { Random } from '@flotilla/kernel';
import type { Outcome } from '../picking/outcome.ts';
import type { TryWatch } from '../picking/endpoint-picker.ts';
import type { Target } from '../providers/target.ts';

/** Times to the first token told of one engine in one message. */
const maxTimes = 64;
/** Models and engines that are told of in one message; a router has requests on far fewer within a second. */
const maxModels = 1_000;
/** English text has about so many characters to a token. */
const charactersPerToken = 4;

interface Outcomes {
  answered: number;
  failed: number;
  /** Every time has the same chance to be among those kept (reservoir sampling, Vitter 1985). */
  times: number[];
  seen: number;
}

interface Wanted {
  readonly provider: string;
  readonly model: string;
  held: number;
  running: number;
  arrived: number;
  characters: number;
  readonly engines: Map<string, Outcomes>;
}

/** What the requests of this router want of the models of the fleet, counted as they come and go. */
export class Demand implements TryWatch {
  /** By scope and model: what has anything to tell. */
  readonly #wanted = new Map<string, Wanted>();
  readonly #random: Random;
  readonly #routerId: string;
  #silent = true;

  /** `onHeld`: a request waits for a model for which none waited before. */
  constructor(
    routerId: string,
    random: Random,
    private readonly onHeld: () => void,
  ) {
    this.#routerId = routerId;
    this.#random = random;
  }

  began(target: Target, characters: number): void {
    const wanted = this.#of(target);
    if (!wanted) return;
    wanted.running += 1;
    wanted.arrived += 1;
    wanted.characters += characters;
  }

  firstToken(target: Target, ttftMs: number): void {
    const wanted = this.#of(target);
    if (!wanted) return;
    const outcomes = outcomesOf(wanted, target);
    outcomes.seen += 1;
    if (outcomes.times.length < maxTimes) outcomes.times.push(ttftMs);
    else {
      const at = Math.floor(this.#random.next() * outcomes.seen);
      if (at < maxTimes) outcomes.times[at] = ttftMs;
    }
  }

  ended(target: Target, outcome: Outcome): void {
    const wanted = this.#of(target);
    if (!wanted) return;
    wanted.running = Math.max(0, wanted.running - 1);
    if (outcome === 'answered') outcomesOf(wanted, target).answered += 1;
    if (outcome === 'failed' || outcome === 'unreachable') outcomesOf(wanted, target).failed += 1;
  }

  held(target: Target, change: 1 | -1): void {
    const wanted = this.#of(target);
    if (!wanted) return;
    wanted.held = Math.max(0, wanted.held + change);
    if (wanted.held === 1 && change === 1) this.onHeld();
  }

  /** What is to be told now; undefined: nothing, and it was said before that there is nothing. */
  message(): events.RouterDemand | undefined {
    const models: events.ModelDemand[] = [];
    for (const [key, wanted] of this.#wanted) {
      if (isIdle(wanted)) {
        this.#wanted.delete(key);
        continue;
      }
      models.push(told(wanted));
      wanted.arrived = 0;
      wanted.characters = 0;
      wanted.engines.clear();
    }
    if (models.length === 0 && this.#silent) return undefined;
    this.#silent = models.length === 0;
    return { routerId: this.#routerId, models };
  }

  /** Engines without a scope are not scaled: nobody asks how they are used. */
  #of({ endpoint, model }: Target): Wanted | undefined {
    const { scope, provider } = endpoint.facts;
    if (scope === undefined) return undefined;
    const key = `${scope} ${model}`;
    const known = this.#wanted.get(key);
    if (known || this.#wanted.size >= maxModels) return known;
    const made: Wanted = { provider, model, held: 0, running: 0, arrived: 0, characters: 0, engines: new Map() };
    this.#wanted.set(key, made);
    return made;
  }
}

function outcomesOf({ engines }: Wanted, { endpoint }: Target): Outcomes {
  const { id } = endpoint.facts;
  const known = engines.get(id);
  if (known) return known;
  const made: Outcomes = { answered: 0, failed: 0, times: [], seen: 0 };
  engines.set(id, made);
  return made;
}

function isIdle({ held, running, arrived, engines }: Wanted): boolean {
  return held === 0 && running === 0 && arrived === 0 && engines.size === 0;
}

function told({ provider, model, held, running, arrived, characters, engines }: Wanted): events.ModelDemand {
  return {
    ...{ provider, model, held, running, arrived },
    promptTokens: Math.round(characters / charactersPerToken),
    engines: [...engines].map(([engineId, { answered, failed, times }]) => ({
      ...{ engineId, answered, failed, ttftMs: times },
    })),
  };
}
