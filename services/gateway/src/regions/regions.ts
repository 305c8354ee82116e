import type { router } from '@flotilla/contracts';
import type { Clock, Live, PlatformFile, Timer } from '@flotilla/kernel';
import type { Client } from '@flotilla/rpc';
import { counter, logger } from '@flotilla/telemetry';
import type { FastifyRequest } from 'fastify';
import type { Exchange } from '../http/exchange.ts';
import type { AdaptiveShedder } from '../shedding/shedder.ts';
import { forward } from './forward.ts';
import type { Status } from './peer.ts';
import { Peers } from './peers.ts';
import { peersFirst, type HomeOffer } from './plan.ts';
import type { RegionSettings } from './settings.ts';
import { readTrail, type Trail } from './trail.ts';

const log = logger('gateway.regions');

const forwards = counter({
  name: 'flotilla_gateway_region_forwards_total',
  description: 'Requests sent to another region, by peer and by what became of them: served, broken off, left, refused',
  unit: '{request}',
});

/** Milliseconds the router may take to list its models. */
const listTimeoutMs = 2_000;

export interface RegionsOptions extends RegionSettings {
  region: string;
  file: Live<PlatformFile>;
  clock: Clock;
  router: Client<router.RouterDefinition>;
  shedder: Pick<AdaptiveShedder, 'refuses' | 'firstToken'>;
  /** Whether this gateway takes work. */
  ready(): Promise<boolean>;
  /** Milliseconds an answer may stay silent. */
  timeoutMs: number;
}

/** Sends requests to the region that serves them soonest, as far as is known: home first. */
export class Regions {
  readonly #peers: Peers;
  #timer: Timer | undefined;
  #ready = true;
  /** Models that are ready at home; undefined while the router does not say. */
  #models: ReadonlySet<string> | undefined;

  constructor(private readonly options: RegionsOptions) {
    const { file, clock, regionSecret: secret, regionProbeMs: probeMs } = options;
    this.#peers = new Peers({ file, clock, secret, probeMs });
  }

  get region(): string {
    return this.options.region;
  }

  /** Begins to look at peers and home; until they were seen, everything is served at home. */
  start(): void {
    const { clock, regionProbeMs } = this.options;
    this.#timer = clock.every(regionProbeMs, () => void this.#lookHome());
    void this.#lookHome();
    this.#peers.start();
  }

  async stop(): Promise<void> {
    this.#timer?.cancel();
    await this.#peers.stop();
  }

  /** What peers are told. `known`: it was a peer that asked. */
  status(known: boolean): Status {
    const { region, shedder } = this.options;
    const base = { region, status: this.#ready ? ('ready' as const) : ('not ready' as const) };
    if (!known || !this.#models) return base;
    const models: NonNullable<Status['models']> = {};
    for (const name of this.#models) {
      const { recentMs, usualMs } = shedder.firstToken(name);
      const ttft = recentMs ?? usualMs;
      models[name] = {
        ...(ttft !== undefined && { ttft_ms: Math.round(ttft) }),
        ...(shedder.refuses('interactive', name) && { refuses: true }),
      };
    }
    return { ...base, models };
  }

  /** The names of the peers to try before home; mostly none. */
  plan({ headers }: FastifyRequest, exchange: Exchange, model: string): { peers: string[]; trail: Trail } {
    const trail = readTrail(headers);
    const { region, regionMaxHops, regionMarginMs } = this.options;
    const stays = trail.hops >= regionMaxHops || trail.via.includes(region);
    // A signature is of a nonce that only one may see.
    if (stays || headers['x-flotilla-signature'] !== undefined) return { peers: [], trail };
    const home = this.#home(exchange, model);
    // An answer that may be asked for again is kept where it was made.
    const kept = headers['idempotency-key'] !== undefined;
    const peers = this.#peers.all.filter(({ name }) => name !== region && !trail.via.includes(name));
    const offers = peers.map((peer) => peer.offer(model));
    return { peers: peersFirst(kept ? { ...home, ttftMs: undefined } : home, offers, regionMarginMs), trail };
  }

  /** Tries the peers in order. True when one served it (or the client left); false: serve it at home. */
  async forward(peers: readonly string[], request: FastifyRequest, body: Buffer, trail: Trail): Promise<boolean> {
    const { region, timeoutMs } = this.options;
    const { exchange } = request;
    for (const name of peers) {
      const peer = this.#peers.get(name);
      if (!peer) continue;
      exchange.forwardedTo = name;
      const outcome = await forward(peer, { request, exchange, body, trail, region, timeoutMs });
      if (outcome.kind === 'served') {
        forwards.add(1, { peer: name, outcome: outcome.how });
        return true;
      }
      forwards.add(1, { peer: name, outcome: 'refused' });
      log.debug('a region did not serve a request', { peer: name, problem: outcome.problem });
      if (outcome.peerIsDown) peer.failed(outcome.problem);
    }
    exchange.forwardedTo = '';
    return false;
  }

  #home({ identity }: Exchange, model: string): HomeOffer {
    const { shedder } = this.options;
    const { recentMs: ttftMs, usualMs } = shedder.firstToken(model);
    return {
      up: this.#ready,
      has: this.#models?.has(model),
      refuses: shedder.refuses(identity.plan.priority, model),
      ...{ ttftMs, usualMs },
    };
  }

  async #lookHome(): Promise<void> {
    const { router, ready } = this.options;
    this.#ready = await ready().catch(() => false);
    try {
      const { models } = await router.listModels(
        { caller: undefined, includeNonInstalled: false, includeTestModels: false },
        { timeoutMs: listTimeoutMs },
      );
      this.#models = new Set(models.filter((model) => model.ready).map(({ name }) => name));
    } catch {
      this.#models = undefined;
    }
  }
}
