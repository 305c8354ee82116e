import type { IncomingHttpHeaders } from 'node:http';

const hopsHeader = 'x-flotilla-hops';
const viaHeader = 'x-flotilla-via';

/** Regions a request is let name at most; a longer trail is no trail of ours. */
const longest = 8;

/** Where a request has been. */
export interface Trail {
  readonly hops: number;
  readonly via: readonly string[];
}

/**
 * Reads the trail of a request. What cannot be understood counts as the longest journey, so that a request that lies about
 * where it has been is served here and goes nowhere.
 */
export function readTrail(headers: IncomingHttpHeaders): Trail {
  const hops = headers[hopsHeader] ?? '0';
  const via = headers[viaHeader] ?? '';
  const names = typeof via === 'string' && via !== '' ? via.split(',').map((name) => name.trim()) : [];
  const plausible = typeof hops === 'string' && /^\d$/.test(hops) && names.length <= longest;
  // Each name was a hop, whatever the count says.
  return { hops: plausible ? Math.max(Number(hops), names.length) : Number.POSITIVE_INFINITY, via: names };
}

/** The headers with which a request leaves `region`. */
export function trailHeaders({ hops, via }: Trail, region: string): Record<string, string> {
  return { [hopsHeader]: String(hops + 1), [viaHeader]: [...via, region].join(', ') };
}
