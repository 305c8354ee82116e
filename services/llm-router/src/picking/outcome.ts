/**
 * How one try on an engine ended, as far as it tells of the engine. `answered`: it delivered, or refused the request itself
 * (4xx). `failed`: a 5xx, a cut stream, or a limit of time. `unreachable`: no connection, or it hangs. `stale`: a kept
 * connection was reset, which tells nothing yet. `cancelled`: the client left.
 */
export type Outcome = 'answered' | 'failed' | 'unreachable' | 'stale' | 'cancelled';
