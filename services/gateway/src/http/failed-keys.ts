import type { Clock } from '@flotilla/kernel';
import { FlotillaError } from '@flotilla/kernel';
import { counter } from '@flotilla/telemetry';

/** Addresses that are remembered at most; the oldest is forgotten first. About 150 bytes each. */
const mostAddresses = 10_000;
const windowMs = 60_000;

const blocked = counter({
  name: 'flotilla_gateway_failed_keys_refused_total',
  description: 'Failed authentications answered 429, because their address had too many',
  unit: '{request}',
});

/**
 * Counts failed authentications by address. Only failures are ever refused: behind one address may sit a whole company,
 * and one broken script of it must not lock out the others. What it costs who guesses is a connection for each try.
 */
export class FailedKeys {
  readonly #seen = new Map<string, { since: number; count: number }>();

  constructor(
    private readonly clock: Clock,
    private readonly perMinute: number,
  ) {}

  /** Takes note of a failure. What to tell the client instead when the address had too many; undefined when not. */
  failed(address: string): { error: FlotillaError; headers: string[] } | undefined {
    const entry = this.#entry(network(address));
    entry.count += 1;
    if (entry.count <= this.perMinute) return undefined;
    blocked.add(1);
    const seconds = Math.max(1, Math.ceil((entry.since + windowMs - this.clock.monotonic()) / 1_000));
    const message = `Too many failed authentications from this address. Check the key, then try again in ${seconds} s.`;
    // Without retryAfterMs, clients are told not to retry by themselves: the same key will be as wrong.
    const error = new FlotillaError('rate_limit_exceeded', message);
    return { error, headers: ['retry-after', String(seconds), 'connection', 'close'] };
  }

  #entry(key: string): { since: number; count: number } {
    const now = this.clock.monotonic();
    const known = this.#seen.get(key);
    if (known && now - known.since < windowMs) return known;
    this.#seen.delete(key);
    if (this.#seen.size >= mostAddresses) this.#seen.delete(this.#seen.keys().next().value!);
    const entry = { since: now, count: 0 };
    this.#seen.set(key, entry);
    return entry;
  }
}

/** An IPv6 client has a /64 to itself. */
function network(address: string): string {
  if (!address.includes(':')) return address;
  const [head, tail] = address.split('::') as [string, string?];
  const left = head === '' ? [] : head.split(':');
  const right = tail ? tail.split(':') : [];
  const zeros = tail === undefined ? 0 : 8 - left.length - right.length;
  return [...left, ...Array<string>(Math.max(0, zeros)).fill('0'), ...right].slice(0, 4).join(':');
}
