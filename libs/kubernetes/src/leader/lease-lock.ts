import type { Clock } from '@flotilla/kernel';
import type { KubeApi, ObjectName } from '../kube-api.ts';
import { KubeError } from '../kube-error.ts';
import { leases, type Lease } from '../resources.ts';

export type LeaseApi = Pick<KubeApi, 'get' | 'create' | 'replace'>;

/** held: it is ours as of the beginning of the call. taken: it is another's. failed: nobody knows. */
export type HoldOutcome = 'held' | 'taken' | 'failed';

/**
 * A Lease as a lock. Times in it are for people: whether another's has run out is told by how long it was seen unchanged here,
 * so clocks may differ.
 */
export class LeaseLock {
  readonly #api: LeaseApi;
  readonly #at: Required<ObjectName>;
  readonly #identity: string;
  readonly #leaseMs: number;
  readonly #clock: Clock;
  /** As last written here. */
  #own: Lease | undefined;
  #seen: { spec: string; at: number } | undefined;

  constructor(options: { api: LeaseApi; at: Required<ObjectName>; identity: string; leaseMs: number; clock: Clock }) {
    this.#api = options.api;
    this.#at = options.at;
    this.#identity = options.identity;
    this.#leaseMs = options.leaseMs;
    this.#clock = options.clock;
  }

  /** Takes it when it is free or has run out, or holds it for another term when it is ours. */
  async hold(signal: AbortSignal): Promise<HoldOutcome> {
    try {
      const own = this.#own;
      if (own && (await this.#written(() => this.#api.replace(this.#renewed(own), { signal })))) return 'held';
      const lease = await this.#api.get<Lease>(leases, this.#at, { signal });
      if (!lease) return (await this.#written(() => this.#api.create(this.#made(), { signal }))) ? 'held' : 'taken';
      if (this.#isOfAnother(lease)) return 'taken';
      return (await this.#written(() => this.#api.replace(this.#renewed(lease), { signal }))) ? 'held' : 'taken';
    } catch {
      return 'failed';
    }
  }

  /** Gives it up, so that the next need not wait. What fails here runs out by itself. */
  async release(signal: AbortSignal): Promise<void> {
    const own = this.#own;
    this.#own = undefined;
    if (!own) return;
    const { holderIdentity, ...spec } = own.spec;
    const released: Lease = { ...own, spec: { ...spec, leaseDurationSeconds: 1, renewTime: this.#time() } };
    await this.#api.replace(released, { signal }).catch(() => undefined);
  }

  /** False: another was there first. */
  async #written(write: () => Promise<Lease>): Promise<boolean> {
    try {
      this.#own = await write();
      return true;
    } catch (error) {
      this.#own = undefined;
      if (error instanceof KubeError && (error.kind === 'conflict' || error.kind === 'not_found')) return false;
      throw error;
    }
  }

  #isOfAnother({ spec }: Lease): boolean {
    const now = this.#clock.monotonic();
    const text = JSON.stringify(spec);
    if (this.#seen?.spec !== text) this.#seen = { spec: text, at: now };
    const { holderIdentity, leaseDurationSeconds } = spec;
    if (!holderIdentity || holderIdentity === this.#identity) return false;
    const holdsMs = leaseDurationSeconds === undefined ? this.#leaseMs : leaseDurationSeconds * 1_000;
    return now < this.#seen.at + holdsMs;
  }

  #made(): Lease {
    const now = this.#time();
    const spec = { holderIdentity: this.#identity, acquireTime: now, leaseTransitions: 0 };
    return this.#renewed({ apiVersion: leases.apiVersion, kind: leases.kind, metadata: this.#at, spec });
  }

  #renewed(lease: Lease): Lease {
    const now = this.#time();
    const { spec } = lease;
    const ours = spec.holderIdentity === this.#identity;
    return {
      ...lease,
      spec: {
        holderIdentity: this.#identity,
        leaseDurationSeconds: Math.ceil(this.#leaseMs / 1_000),
        acquireTime: ours ? (spec.acquireTime ?? now) : now,
        renewTime: now,
        leaseTransitions: (spec.leaseTransitions ?? 0) + (ours ? 0 : 1),
      },
    };
  }

  /** A MicroTime. */
  #time(): string {
    return new Date(this.#clock.now()).toISOString().replace('Z', '000Z');
  }
}
