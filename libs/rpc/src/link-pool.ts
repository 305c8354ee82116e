import { FlotillaError, type Clock, type Random, type Timer } from '@flotilla/kernel';
import type { DeadlineWheel } from './deadlines.ts';
import type { Dispatcher, LinkCall } from './link-call.ts';
import type { ClientLink } from './link-client.ts';
import { LinkEndpoint } from './link-endpoint.ts';
import { linkLimits } from './link-limits.ts';
import type { ConnectLink } from './link-socket.ts';
import type { RpcObserver } from './network-options.ts';
import { isLiteral, parsePeer, type PeerTarget, type ResolvePeer } from './peer-address.ts';
import type { RetryBudget } from './retry-budget.ts';

export interface LinkPoolPorts {
  readonly clock: Clock;
  readonly random: Random;
  readonly wheel: DeadlineWheel;
  readonly observer: RpcObserver | undefined;
  readonly budget: RetryBudget;
  readonly connect: ConnectLink;
  readonly resolve: ResolvePeer;
}

/**
 * The links to one peer: an endpoint for each of its addresses, the call goes to the link with the fewest under way.
 * Connects on first use. Calls wait for a first link, a bounded time and a bounded number of them.
 */
export class LinkPool implements Dispatcher {
  readonly wheel: DeadlineWheel;
  readonly observer: RpcObserver | undefined;
  readonly #target: PeerTarget;
  readonly #name: string;
  readonly #ports: LinkPoolPorts;
  readonly #endpoints = new Map<string, LinkEndpoint>();
  /** Endpoints that DNS no longer names and that still have calls under way. */
  readonly #retiring = new Set<LinkEndpoint>();
  /** Calls without a link, in order of arrival, and until when they wait (monotonic milliseconds). */
  readonly #waiting = new Map<LinkCall, number>();
  #turn = 0;
  #resolveTimer: Timer | undefined;
  #waitTimer: Timer | undefined;
  #resolving = false;
  #closed = false;

  /** `target`: `host:port` or `dns:host:port`. Throws when it is neither. */
  constructor(target: string, ports: LinkPoolPorts) {
    this.#name = target;
    this.#target = parsePeer(target);
    this.#ports = ports;
    this.wheel = ports.wheel;
    this.observer = ports.observer;
  }

  dispatch(call: LinkCall): void {
    if (call.attempts === 0) this.#ports.budget.onCall();
    const link = this.#pick(call);
    if (link !== undefined) link.start(call);
    else this.#wait(call);
  }

  forget(call: LinkCall): void {
    this.#waiting.delete(call);
  }

  mayRetry(): boolean {
    return !this.#closed && this.#ports.budget.take();
  }

  noLink(): FlotillaError {
    // The address stays inside: the message may reach a client.
    return new FlotillaError('unavailable', undefined, { cause: new Error(`no connection to ${this.#name}`) });
  }

  close(): void {
    this.#closed = true;
    this.#resolveTimer?.cancel();
    this.#waitTimer?.cancel();
    for (const endpoint of [...this.#endpoints.values(), ...this.#retiring]) endpoint.close();
    this.#endpoints.clear();
    for (const call of [...this.#waiting.keys()]) call.fail(this.noLink());
    this.#waiting.clear();
  }

  /** The link with the fewest calls under way; among equals they take turns. */
  #pick(call: LinkCall): ClientLink | undefined {
    let best: ClientLink | undefined;
    if (this.#endpoints.size === 1) {
      for (const endpoint of this.#endpoints.values()) best = endpoint.link;
      return best;
    }
    let bestSize = Infinity;
    let index = 0;
    this.#turn += 1;
    const first = this.#turn % Math.max(1, this.#endpoints.size);
    for (const endpoint of this.#endpoints.values()) {
      const { link } = endpoint;
      // Half a call less for the one whose turn it is; a whole link's worth more for the one that just failed it.
      const bias = (index === first ? -0.5 : 0) + (endpoint.address === call.failedAt ? linkLimits.callsPerLink : 0);
      index += 1;
      if (link === undefined || link.size + bias >= bestSize) continue;
      best = link;
      bestSize = link.size + bias;
    }
    return best;
  }

  #wait(call: LinkCall): void {
    if (this.#closed) return call.fail(this.noLink());
    if (this.#waiting.size >= linkLimits.waitingCalls) return call.fail(new FlotillaError('overloaded'));
    this.#waiting.set(call, this.wheel.now() + linkLimits.connectWaitMs);
    this.#waitTimer ??= this.#ports.clock.every(50, () => this.#expireWaiting());
    if (this.#resolveTimer !== undefined) return;
    this.#resolveTimer = this.#ports.clock.every(linkLimits.resolveEveryMs, () => void this.#resolve());
    void this.#resolve();
  }

  #expireWaiting(): void {
    const now = this.wheel.now();
    for (const [call, until] of this.#waiting) {
      if (until > now) break;
      this.#waiting.delete(call);
      call.fail(this.noLink());
    }
    if (this.#waiting.size > 0) return;
    this.#waitTimer?.cancel();
    this.#waitTimer = undefined;
  }

  #onReady(): void {
    const waiting = [...this.#waiting.keys()];
    this.#waiting.clear();
    for (const call of waiting) this.dispatch(call);
  }

  /** What DNS says now; while it says nothing the addresses stay. */
  async #resolve(): Promise<void> {
    if (this.#resolving || this.#closed) return;
    if (isLiteral(this.#target) && this.#endpoints.size > 0) return;
    this.#resolving = true;
    // getaddrinfo cannot be cancelled; a hanging one must not keep later ones from being asked.
    const patience = this.#ports.clock.after(linkLimits.resolveEveryMs, () => (this.#resolving = false));
    try {
      this.#adopt(await this.#ports.resolve(this.#target));
    } catch {
      // The next turn asks again; calls that wait say that there is no connection.
    } finally {
      patience.cancel();
      this.#resolving = false;
    }
  }

  #adopt(addresses: string[]): void {
    if (this.#closed || addresses.length === 0) return;
    for (const endpoint of this.#retiring) if (endpoint.gone) this.#retiring.delete(endpoint);
    for (const [address, endpoint] of this.#endpoints) {
      if (addresses.includes(address)) continue;
      this.#endpoints.delete(address);
      endpoint.retire();
      this.#retiring.add(endpoint);
    }
    for (const address of addresses) {
      if (this.#endpoints.has(address)) continue;
      const { clock, random, connect } = this.#ports;
      const endpoint = new LinkEndpoint(address, {
        clock,
        random,
        connect,
        onReady: () => this.#onReady(),
        onLoss: () => void this.#resolve(),
      });
      this.#endpoints.set(address, endpoint);
    }
  }
}
