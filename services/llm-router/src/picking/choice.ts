import type { PickingConfig, Random } from '@flotilla/kernel';
import type { Target } from '../providers/target.ts';
import type { PickReason } from './metrics.ts';
import type { Outliers } from './outliers.ts';
import { maxLookedAt, type Pool } from './pool.ts';
import type { Match } from './prefix-table.ts';
import type { Prefixes } from './prefixes.ts';
import { charactersIn, stir, type PromptChain } from './prompt-chain.ts';
import { holdsAdapter } from './scorers/adapter.ts';
import type { Candidate, PickContext, Scorer } from './scorers/scorer.ts';
import { weighted } from './scorers/weighted.ts';

/** Below this share of the prompt what an engine holds is no reason to go there: perhaps all prompts begin so. */
const worthIt = 0.1;
/** Engines that the hash of a prompt nobody knows leaves to choose from: enough to even out, few enough to agree. */
const coldChoices = 2;
/** Drawn at random in a large pool, beside those that hold something. */
const drawnAtRandom = 6;

export interface Question {
  readonly tried: readonly Target[];
  readonly settings: PickingConfig;
  readonly now: number;
  /** The prompt's hashes, made when they are first needed; undefined: it is not known. */
  readonly chain: (() => PromptChain) | undefined;
}

/** One pick after the other: who may be picked, and who of them is. Keeps nothing between picks but room to work in. */
export class Choice {
  /** Why the last one was chosen. */
  reason: PickReason = 'only';
  /** Characters of the prompt that it should hold. */
  held = 0;
  readonly #random: Random;
  readonly #maxInFlight: number;
  readonly #prefixes: Prefixes;
  readonly #outliers: Outliers;
  readonly #candidates: Candidate[] = [];
  #count = 0;
  #question!: Question;
  #ejectedToo = false;
  #draws = 0;
  #weights: PickingConfig['weights'] | undefined;
  #score!: Scorer;

  constructor(random: Random, maxInFlight: number, prefixes: Prefixes, outliers: Outliers) {
    this.#random = random;
    this.#maxInFlight = maxInFlight;
    this.#prefixes = prefixes;
    this.#outliers = outliers;
  }

  begin(question: Question): void {
    this.#question = question;
    this.#ejectedToo = false;
    this.#draws = 0;
    this.held = 0;
    const { weights } = question.settings;
    if (this.#weights === weights) return;
    this.#weights = weights;
    this.#score = weighted(weights);
  }

  /** The same with those that were set aside. */
  withEjected(pick: () => Target | undefined): Target | undefined {
    this.#ejectedToo = true;
    const target = pick();
    this.reason = 'last_resort';
    return target;
  }

  /** 0 to 1: the same for the same prompt where there is one. */
  uniform(): number {
    const { chain } = this.#question;
    this.#draws += 1;
    if (!chain) return this.#random.next();
    return (stir(chain().coldKey + Math.imul(this.#draws, 0x9e3779b1)) >>> 0) / 2 ** 32;
  }

  /** The best of those that may be picked. */
  best(pool: Pool): Target | undefined {
    const { now, chain: ask, settings } = this.#question;
    this.#count = 0;
    this.held = 0;
    this.reason = 'only';
    const large = pool.targets.length > maxLookedAt;
    if (!large) for (const target of pool.targets) this.#enter(target);
    if (!large && this.#count < 2) return this.#count === 0 ? undefined : this.#candidates[0]!.target;
    pool.refresh(now);
    const chain = settings.weights.prefix > 0 ? ask?.() : undefined;
    const match = chain && this.#prefixes.match(chain);
    if (large) this.#sample(pool, chain, match);
    if (this.#count === 0) return undefined;
    this.#look(pool, match);
    return this.#choose(pool, chain);
  }

  #enter(target: Target): void {
    if (this.#count === maxLookedAt || !this.#usable(target)) return;
    for (let i = 0; i < this.#count; i += 1) if (this.#candidates[i]!.target === target) return;
    const { endpoint } = target;
    const candidate = this.#candidates[this.#count];
    if (candidate) {
      candidate.target = target;
      candidate.endpoint = endpoint;
    } else this.#candidates.push({ target, endpoint, busy: 0, latency: 0, tooBusy: false, held: 0 });
    this.#count += 1;
  }

  #usable(target: Target): boolean {
    const { endpoint } = target;
    if (!endpoint.facts.ready || endpoint.inFlight >= this.#maxInFlight) return false;
    if (!this.#ejectedToo && endpoint.health.ejected(this.#question.now)) return false;
    for (const { endpoint: other, model } of this.#question.tried) {
      if (other === endpoint && model === target.model) return false;
    }
    return true;
  }

  /** Of many: those that hold something of the prompt, those its hash points to, and some at random. */
  #sample(pool: Pool, chain: PromptChain | undefined, match: Match | undefined): void {
    const { targets, near } = pool;
    for (let i = 0; match && i < match.count; i += 1) {
      const endpoint = this.#prefixes.endpointOf(match.numbers[i]!);
      if (!endpoint) continue;
      for (const target of pool.targetsOn(endpoint)) this.#enter(target);
    }
    if (this.#count > maxLookedAt - drawnAtRandom) this.#count = maxLookedAt - drawnAtRandom;
    if (chain && this.#count === 0) for (const at of pool.ranked(chain.coldKey)) this.#enter(targets[at]!);
    for (let i = 0; i < drawnAtRandom; i += 1) {
      const from = i % 2 === 0 && near.length > 0 ? near : targets;
      this.#enter(from[Math.floor(this.#random.next() * from.length)]!);
    }
    // Hardly any is left: then it takes a look at all.
    if (this.#count === 0) for (const target of targets) this.#enter(target);
  }

  /** Fills in what scorers ask for, and leaves out who turns out to be much slower than its peers. */
  #look(pool: Pool, match: Match | undefined): void {
    const { now, settings } = this.#question;
    const { load_bound: bound, outliers } = settings;
    const mean = pool.meanBusy;
    let kept = 0;
    for (let i = 0; i < this.#count; i += 1) {
      const candidate = this.#candidates[i]!;
      const { endpoint, target } = candidate;
      if (!this.#ejectedToo && this.#count - i + kept > 1) {
        if (this.#outliers.tooSlow(endpoint, pool, outliers, now)) continue;
      }
      const spared = mean * (1 - endpoint.health.recovered(now, outliers.slow_start_ms));
      candidate.busy = endpoint.busy(now) + spared;
      candidate.tooBusy = candidate.busy > bound * (mean + 1);
      candidate.latency = endpoint.latency.perWork(now);
      candidate.held = match ? heldOf(match, endpoint.residents.get(target.model)?.number) : 0;
      this.#candidates[i] = this.#candidates[kept]!;
      this.#candidates[kept] = candidate;
      kept += 1;
    }
    this.#count = kept;
  }

  #choose(pool: Pool, chain: PromptChain | undefined): Target {
    const context = this.#context(pool, chain);
    // Where an adapter is loaded says more than where a hash points to.
    const cold = chain !== undefined && !context.adapter && this.#keepHashed(chain);
    let best = this.#candidates[0]!;
    let bestScore = this.#score(best, context);
    for (let i = 1; i < this.#count; i += 1) {
      const candidate = this.#candidates[i]!;
      const score = this.#score(candidate, context);
      const better = score - bestScore || best.endpoint.lastPick - candidate.endpoint.lastPick;
      if (better <= 0) continue;
      best = candidate;
      bestScore = score;
    }
    this.held = best.held;
    this.reason = !cold && chain !== undefined && !best.tooBusy && best.held > 0 ? 'prefix' : 'load';
    return best.target;
  }

  /** When nobody who has room holds enough of the prompt, its hash leaves a few of those with room. True: it is so. */
  #keepHashed({ characters, coldKey }: PromptChain): boolean {
    let roomy = 0;
    for (let i = 0; i < this.#count; i += 1) {
      const { held, tooBusy } = this.#candidates[i]!;
      if (tooBusy) continue;
      if (held >= worthIt * characters && held > 0) return false;
      roomy += 1;
    }
    if (roomy <= coldChoices) return true;
    const rank = (candidate: Candidate) => (candidate.tooBusy ? -1 : stir(coldKey ^ candidate.endpoint.key) >>> 0);
    for (let at = 0; at < coldChoices; at += 1) {
      let first = at;
      for (let i = at + 1; i < this.#count; i += 1) {
        if (rank(this.#candidates[i]!) > rank(this.#candidates[first]!)) first = i;
      }
      const candidate = this.#candidates[first]!;
      this.#candidates[first] = this.#candidates[at]!;
      this.#candidates[at] = candidate;
    }
    this.#count = coldChoices;
    return true;
  }

  #context(pool: Pool, chain: PromptChain | undefined): PickContext {
    let adapter = pool.isAdapter;
    for (let i = 0; i < this.#count && !adapter; i += 1) adapter = holdsAdapter(this.#candidates[i]!);
    return {
      meanBusy: pool.meanBusy,
      medianLatency: pool.medianLatency,
      characters: chain?.characters ?? 0,
      adapter,
      now: this.#question.now,
      prices: pool.prices,
      cheapest: pool.cheapest,
    };
  }
}

function heldOf({ numbers, blocks, count }: Match, number: number | undefined): number {
  for (let i = 0; i < count; i += 1) if (numbers[i] === number) return charactersIn(blocks[i]!);
  return 0;
}
