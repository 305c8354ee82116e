import type { Clock } from '@flotilla/kernel';
import { gauge, logger } from '@flotilla/telemetry';
import { Pool } from 'undici';
import { z } from 'zod';
import type { PeerOffer } from './plan.ts';

const log = logger('gateway.regions');

const latency = gauge({
  name: 'flotilla_gateway_region_peer_latency_seconds',
  description: 'Round trip to a gateway of another region, smoothed',
  unit: 's',
});
const healthy = gauge({
  name: 'flotilla_gateway_region_peer_up',
  description: '1 while a gateway of another region takes requests',
  unit: '1',
});

const statusTimeoutMs = 2_000;
const connectTimeoutMs = 2_000;
/** Bytes of a status at most: a thousand models and more. */
const longestStatus = 256 * 1024;
/** Weight of the latest round trip. */
const smoothing = 0.3;

/** What a gateway says of itself; see status.ts. */
export const statusSchema = z.object({
  region: z.string(),
  status: z.enum(['ready', 'not ready']),
  models: z
    .record(z.string(), z.object({ ttft_ms: z.number().optional(), refuses: z.boolean().optional() }))
    .optional(),
});

export type Status = z.infer<typeof statusSchema>;

export interface PeerOptions {
  name: string;
  url: string;
  secret: string | undefined;
  clock: Clock;
}

/** A gateway of another region: whether it is well, how far it is, and what it says it serves. */
export class Peer {
  readonly name: string;
  /** Carries requests. */
  readonly pool: Pool;
  readonly basePath: string;
  readonly #probes: Pool;
  #probing = false;
  #up = false;
  #rttMs: number | undefined;
  #models: Map<string, NonNullable<Status['models']>[string]> | undefined;
  #problem = '';

  constructor(private readonly options: PeerOptions) {
    this.name = options.name;
    const { origin, pathname } = new URL(options.url);
    this.basePath = pathname.replace(/\/+$/, '');
    this.pool = new Pool(origin, { connectTimeout: connectTimeoutMs, pipelining: 1 });
    this.#probes = new Pool(origin, {
      ...{ connections: 1, connectTimeout: connectTimeoutMs, maxResponseSize: longestStatus },
      ...{ headersTimeout: statusTimeoutMs, bodyTimeout: statusTimeoutMs },
    });
  }

  offer(model: string): PeerOffer {
    const offered = this.#models?.get(model);
    return {
      name: this.name,
      up: this.#up,
      rttMs: this.#rttMs ?? 0,
      has: this.#models && offered !== undefined,
      refuses: offered?.refuses ?? false,
      ttftMs: offered?.ttft_ms,
    };
  }

  /** Asks how it is. Never throws. */
  async probe(): Promise<void> {
    if (this.#probing) return;
    this.#probing = true;
    const { clock } = this.options;
    const startedAt = clock.monotonic();
    try {
      const status = await this.#ask();
      const ms = clock.monotonic() - startedAt;
      this.#rttMs = this.#rttMs === undefined ? ms : this.#rttMs + smoothing * (ms - this.#rttMs);
      latency.set(this.#rttMs / 1_000, { peer: this.name });
      if (status.region !== this.name) throw new Error(`there answers the region ${JSON.stringify(status.region)}`);
      this.#models = status.models && new Map(Object.entries(status.models));
      this.#note(status.status === 'ready', status.status === 'ready' ? '' : 'it is not ready');
    } catch (error) {
      this.#note(false, error instanceof Error ? error.message : String(error));
    } finally {
      this.#probing = false;
    }
  }

  /** A request could not be served there: it is left alone until its next good probe. */
  failed(problem: string): void {
    this.#note(false, problem);
  }

  async close(): Promise<void> {
    await Promise.all([this.pool.destroy(), this.#probes.destroy()]);
  }

  async #ask(): Promise<Status> {
    const { secret } = this.options;
    const { body } = await this.#probes.request({
      method: 'GET',
      path: `${this.basePath}/v1/region`,
      headers: secret === undefined ? {} : { authorization: `Bearer ${secret}` },
    });
    return statusSchema.parse(await body.json());
  }

  #note(up: boolean, problem: string): void {
    healthy.set(up ? 1 : 0, { peer: this.name });
    if (up !== this.#up || problem !== this.#problem) {
      if (up) log.info('a region can be used', { peer: this.name });
      else log.warn('a region cannot be used', { peer: this.name, problem });
    }
    this.#up = up;
    this.#problem = problem;
  }
}
