import type { IncomingMessage } from 'node:http';
import { BlockList, isIP } from 'node:net';

/** Hops of `x-forwarded-for` that are looked at; what comes before was written by nobody we know. */
const mostHops = 16;

/** True for an address or a CIDR range. */
export function isRange(text: string): boolean {
  const [address, bits, ...more] = text.split('/');
  const family = isIP(address!);
  if (family === 0 || more.length > 0) return false;
  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (family === 4 ? 32 : 128));
}

/**
 * Who a request comes from: the address that connected, or, when that is a trusted proxy, the rightmost address in
 * `x-forwarded-for` that is not. Anything further left was written by the client.
 */
export class ClientAddress {
  readonly #trusted = new BlockList();
  readonly #none: boolean;

  /** `proxies`: addresses and CIDR ranges. */
  constructor(proxies: readonly string[]) {
    this.#none = proxies.length === 0;
    for (const range of proxies) {
      const [address, bits] = range.split('/') as [string, string?];
      const family = isIP(address) === 4 ? 'ipv4' : 'ipv6';
      if (bits === undefined) this.#trusted.addAddress(address, family);
      else this.#trusted.addSubnet(address, Number(bits), family);
    }
  }

  /** Empty when the connection is gone already. */
  of({ socket, headers }: IncomingMessage): string {
    let address = plain(socket.remoteAddress ?? '');
    if (this.#none || !this.#trusts(address)) return address;
    const forwarded = headers['x-forwarded-for'];
    if (typeof forwarded !== 'string') return address;
    for (const hop of forwarded.split(',').slice(-mostHops).reverse()) {
      const next = plain(withoutPort(hop.trim()));
      if (isIP(next) === 0) break;
      address = next;
      if (!this.#trusts(address)) break;
    }
    return address;
  }

  #trusts(address: string): boolean {
    const family = isIP(address);
    return family !== 0 && this.#trusted.check(address, family === 4 ? 'ipv4' : 'ipv6');
  }
}

/** IPv4 as it is written, also when it comes over an IPv6 socket. */
function plain(address: string): string {
  return address.startsWith('::ffff:') && address.includes('.') ? address.slice(7) : address;
}

/** Some proxies write `192.0.2.1:4711` and `[2001:db8::1]:4711`. */
function withoutPort(hop: string): string {
  if (hop.startsWith('[')) return hop.slice(1, hop.indexOf(']'));
  return hop.split(':').length === 2 ? hop.slice(0, hop.indexOf(':')) : hop;
}
