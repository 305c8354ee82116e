const kib = 1_024;
const mib = 1_024 * kib;

/** The bounds of the link transport, in one place. Sizes in bytes, times in milliseconds. */
export const linkLimits = {
  /** The largest request or response message. */
  messageBytes: 16 * mib,
  /** What a call may carry besides its request: metadata and names. Details of an error that are larger are left out. */
  headerBytes: 64 * kib,
  /** Batches are cut at this size, so that one is never much larger than it or than one message. */
  batchBytes: 256 * kib,
  /** A batch on the wire: one message of the largest size, the frames before it, and their headers. */
  receiveBytes: 17 * mib,
  /** What a call may send ahead of its reader; less when many calls are open, see `creditPoolBytes`. */
  creditBytes: 64 * kib,
  creditFloorBytes: 8 * kib,
  /** The credit of all calls of a link together, until the floor is reached: 10,000 unread streams hold ~80 MiB. */
  creditPoolBytes: 64 * mib,
  /** A server stops pulling from handlers when this much waits to be sent on a link. */
  sendHighBytes: 4 * mib,
  /** A server stops reading a link, and a client refuses new calls on it, when this much waits to be sent. */
  sendFullBytes: 32 * mib,
  /** Calls under way on one link; more are refused as `overloaded`. */
  callsPerLink: 32_768,
  /** Calls that wait for a first link to connect. */
  waitingCalls: 16_384,
  /** Methods a peer may name on one link. */
  methodsPerLink: 4_096,
  /** A call while nothing is connected waits this long at most, and never past its deadline. */
  connectWaitMs: 2_000,
  connectTimeoutMs: 2_000,
  /** A restarted peer is found again within about this time. */
  backoffFirstMs: 20,
  backoffMostMs: 500,
  /** A silent link is pinged this often, and is dead when the answer takes longer than that. */
  pingEveryMs: 4_000,
  pingTimeoutMs: 4_000,
  resolveEveryMs: 5_000,
  /** A drained server waits this long for its peers to read what they were sent and hang up. */
  hangUpMs: 5_000,
} as const;
