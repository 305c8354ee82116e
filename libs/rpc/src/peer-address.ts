import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';

/** Finds the addresses (`ip:port`) behind a target; every replica of a headless service is one of them. */
export type ResolvePeer = (target: PeerTarget) => Promise<string[]>;

export interface PeerTarget {
  readonly host: string;
  readonly port: number;
}

/** Reads `host:port`, `[ipv6]:port` or `dns:host:port`. Throws on anything else. */
export function parsePeer(text: string): PeerTarget {
  const match = /^(?:dns:(?:\/\/\/)?)?(\[[\da-f:.]+\]|[^\s:/]+):(\d{1,5})$/i.exec(text);
  const port = Number(match?.[2]);
  if (!match || port < 1 || port > 65_535) throw new Error(`not an address of a peer (host:port): ${text}`);
  return { host: match[1]!.replace(/^\[|\]$/g, ''), port };
}

/** By the system's resolver, so that /etc/hosts and search domains count. */
export const resolvePeer: ResolvePeer = async ({ host, port }) => {
  if (isIP(host)) return [hostPort(host, port)];
  const addresses = await lookup(host, { all: true });
  return [...new Set(addresses.map(({ address }) => hostPort(address, port)))];
};

export function isLiteral({ host }: PeerTarget): boolean {
  return isIP(host) !== 0;
}

function hostPort(host: string, port: number): string {
  return isIP(host) === 6 ? `[${host}]:${port}` : `${host}:${port}`;
}
