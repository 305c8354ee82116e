import type { router } from '@flotilla/contracts';
import { pickingSchema, type Clock, type PickingConfig, type Random } from '@flotilla/kernel';
import type { RouterConfig } from '../config.ts';
import type { Endpoint } from '../endpoints/endpoint.ts';
import type { Target } from '../providers/target.ts';
import type { Resolution, Route } from '../registry/registry.ts';
import { Choice } from './choice.ts';
import { workOf } from './latency.ts';
import { ejectedEndpoints, expectedCharacters, picks, promptCharacters } from './metrics.ts';
import type { Outcome } from './outcome.ts';
import { Outliers } from './outliers.ts';
import { Pool } from './pool.ts';
import { Prefixes, type OnLearnt } from './prefixes.ts';
import { Requests } from './requests.ts';
import { drawn } from './shares.ts';

export type PickerConfig = Pick<RouterConfig, 'maxInFlightPerEndpoint' | 'ejectBaseMs' | 'ejectMaxMs'>;

export interface PickerParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly config: PickerConfig;
  /** As the platform's file has it now. */
  readonly settings?: () => PickingConfig;
  /** Told of every try on an engine. */
  readonly watch?: TryWatch;
}

/** Who wants to know how engines are used. */
export interface TryWatch {
  /** `characters`: of the prompt; 0: not known. */
  began(target: Target, characters: number): void;
  firstToken(target: Target, ttftMs: number): void;
  ended(target: Target, outcome: Outcome): void;
}

const standardSettings = pickingSchema.parse({});

/**
 * Picks the engine of a request, and learns from how it goes. Engines of routes with equal weights compete by scores (see
 * `scorers`); where weights differ they are shares, and a route is drawn first (see `shares.ts`). Synchronous, without
 * state that a failed request could leave behind.
 */
export class EndpointPicker {
  readonly prefixes = new Prefixes();
  /** Told of each prefix that an engine was sent first by this router. */
  onLearnt: OnLearnt | undefined;
  readonly #parts: PickerParts;
  readonly #choice: Choice;
  readonly #outliers: Outliers;
  readonly #requests = new Requests();
  /** By the list of routes, or the one route. */
  readonly #pools = new WeakMap<object, Pool>();
  /** In which an engine competed last. */
  readonly #poolOf = new WeakMap<Endpoint, Pool>();
  #endpoints: readonly Endpoint[] = [];
  #picks = 0;

  constructor(parts: PickerParts) {
    this.#parts = parts;
    this.#outliers = new Outliers(parts.config);
    this.#choice = new Choice(parts.random, parts.config.maxInFlightPerEndpoint, this.prefixes, this.#outliers);
  }

  get endpoints(): readonly Endpoint[] {
    return this.#endpoints;
  }

  /** These are all the engines there are. */
  keep(endpoints: readonly Endpoint[]): void {
    this.#endpoints = endpoints;
    this.prefixes.keep(new Set(endpoints));
  }

  /**
   * A target that was not tried, or undefined. Engines that were set aside are used only when neither a route nor a
   * fallback has any other: never are all of them out.
   */
  pick(resolution: Resolution, tried: readonly Target[], request?: router.GenerateRequest): Target | undefined {
    const settings = this.#settings();
    const chain = request && (() => this.#requests.chain(request, settings.isolate_prefixes));
    const now = this.#parts.clock.monotonic();
    this.#choice.begin({ tried, settings, now, chain });
    const target = this.#pass(resolution) ?? this.#choice.withEjected(() => this.#pass(resolution));
    if (!target) return undefined;
    target.endpoint.lastPick = ++this.#picks;
    if (request) this.#requests.expect(request, target, this.#choice.held);
    picks[this.#choice.reason].add(1);
    return target;
  }

  /** A request is sent to the target's engine; it counts as in flight until `ended`. */
  began(target: Target, request?: router.GenerateRequest): void {
    const { endpoint, model } = target;
    const now = this.#parts.clock.monotonic();
    endpoint.inFlight += 1;
    const trial = endpoint.health.began(now);
    if (!request) return this.#parts.watch?.began(target, 0);
    const { chain, tries, expected } = this.#requests.of(request);
    this.#parts.watch?.began(target, chain?.characters ?? 0);
    let work = workOf(0);
    if (chain) {
      const held = expected?.target === target ? expected.held : 0;
      work = workOf(chain.characters);
      promptCharacters.add(chain.characters);
      expectedCharacters.add(held);
      this.prefixes.learn(endpoint, model, chain.hashes, this.onLearnt);
      this.prefixes.resident(endpoint, model).sentAt = now;
    }
    const ahead = endpoint.latency.began(now, work);
    tries.push({ target, beganAt: now, work, ahead, trial, firstToken: false });
  }

  /** The first token came, so many milliseconds after the request was sent to this engine. */
  firstToken(target: Target, ttftMs: number, request?: router.GenerateRequest): void {
    const { endpoint } = target;
    const now = this.#parts.clock.monotonic();
    const one = this.#requests.find(request, target);
    if (!one || one.firstToken) return;
    one.firstToken = true;
    this.#parts.watch?.firstToken(target, ttftMs);
    endpoint.latency.settled(one.beganAt, one.work, one.ahead);
    endpoint.latency.observe(ttftMs, one.ahead);
    if (!one.trial) return;
    if (this.#outliers.isSlow(endpoint, this.#poolOf.get(endpoint), this.#settings().outliers, now)) {
      this.#outliers.slowAgain(endpoint, now);
    } else endpoint.health.delivered(now);
  }

  /** Called once for each `began`. */
  ended(target: Target, outcome: Outcome, request?: router.GenerateRequest): void {
    const { endpoint } = target;
    const now = this.#parts.clock.monotonic();
    const one = this.#requests.take(request, target);
    endpoint.inFlight -= 1;
    this.#parts.watch?.ended(target, outcome);
    if (one && !one.firstToken) endpoint.latency.settled(one.beganAt, one.work, one.ahead);
    if (outcome === 'unreachable') this.#outliers.unreachable(endpoint, now);
    else if (outcome === 'failed') {
      this.#outliers.failed(endpoint, this.#poolOf.get(endpoint), this.#settings().outliers, now);
    } else if (outcome === 'answered') {
      // A trial whose first token came was decided then, and who was sent before it says nothing of now.
      const decides = !one || !endpoint.health.onTrial || (one.trial && !one.firstToken);
      if (decides) endpoint.health.delivered(now);
    } else if (!one || one.trial) endpoint.health.trialLeft();
  }

  /** Brings the gauge up to date. */
  report(): void {
    const now = this.#parts.clock.monotonic();
    const aside = this.#endpoints.filter(({ health }) => health.onTrial || health.ejected(now));
    ejectedEndpoints.set(aside.length);
  }

  #settings(): PickingConfig {
    return this.#parts.settings?.() ?? standardSettings;
  }

  #pass(resolution: Resolution): Target | undefined {
    const target = this.#among(resolution);
    if (target) return target;
    for (const fallback of resolution.fallbacks) {
      const other = this.#choice.best(this.#pool(fallback, [fallback], undefined));
      if (other) return other;
    }
    return undefined;
  }

  #among({ routes, entry }: Resolution): Target | undefined {
    const pool = this.#pool(routes, routes, entry);
    if (pool.even) return this.#choice.best(pool);
    const within = (route: Route) => this.#choice.best(this.#pool(route, [route], undefined));
    const target = drawn(routes, within, () => this.#choice.uniform(), this.#parts.clock.monotonic());
    if (target) this.#choice.reason = 'share';
    return target;
  }

  #pool(key: object, routes: readonly Route[], entry: Resolution['entry']): Pool {
    const known = this.#pools.get(key);
    if (known) return known;
    const pool = new Pool(routes, entry);
    this.#pools.set(key, pool);
    for (const { endpoint } of pool.targets) this.#poolOf.set(endpoint, pool);
    return pool;
  }
}
