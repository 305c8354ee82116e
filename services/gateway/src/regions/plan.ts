/** What is known of a place about one model. */
export interface Offer {
  /** Whether it takes requests at all. */
  readonly up: boolean;
  /** Whether it has the model ready; undefined: it does not say. */
  readonly has: boolean | undefined;
  /** Whether it would refuse for load. */
  readonly refuses: boolean;
  /** Milliseconds to the first token there; undefined: not known. */
  readonly ttftMs: number | undefined;
}

export interface HomeOffer extends Offer {
  /** Milliseconds it takes the model when nothing queues; what a peer may be expected to take that does not say. */
  readonly usualMs: number | undefined;
}

export interface PeerOffer extends Offer {
  readonly name: string;
  /** Milliseconds to there and back. */
  readonly rttMs: number;
}

/**
 * The peers to try, in order, before the request is served at home. None: home serves it soonest, as far as anybody knows.
 * A request leaves home when home cannot serve it and a peer can, or when a peer's first token is sooner by the margin.
 */
export function peersFirst(home: HomeOffer, peers: readonly PeerOffer[], marginMs: number): string[] {
  const able = peers.filter(({ up, has, refuses }) => up && has !== false && !refuses);
  const cost = ({ rttMs, ttftMs }: PeerOffer) => rttMs + (ttftMs ?? home.usualMs ?? Number.POSITIVE_INFINITY);
  const sorted = able.sort((a, b) => cost(a) - cost(b) || a.rttMs - b.rttMs);
  if (!home.up || home.refuses) return sorted.map(({ name }) => name);
  // Not listed here is no proof: a default provider may take any name. Listed there is one.
  if (home.has === false) return sorted.filter(({ has }) => has === true).map(({ name }) => name);
  const { ttftMs } = home;
  if (ttftMs === undefined) return [];
  return sorted.filter((peer) => cost(peer) + marginMs < ttftMs).map(({ name }) => name);
}
