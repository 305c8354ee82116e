import { FlotillaError, sleep, type Clock } from '@flotilla/kernel';
import { logger } from '@flotilla/telemetry';
import { connect, type NatsConnection } from '@nats-io/transport-node';

/** Between attempts to connect again: 250 ms and up to 500 ms of jitter, so that a fleet does not come back in step. */
const reconnectPauseMs = 250;
const reconnectJitterMs = 500;
const dialTimeoutMs = 2_000;
/** A peer that answers no ping for two intervals is gone. */
const pingIntervalMs = 5_000;

const log = logger('bus');

/** A connection that comes back by itself, and says whether it is there. */
export interface NatsLink {
  readonly connection: NatsConnection;
  connected(): boolean;
  /** Resolves when it is connected; rejects with `unavailable` when it is not after `withinMs`, or was closed. */
  whenConnected(withinMs: number): Promise<void>;
  /** Calls back after each return of the connection. */
  onReconnect(listener: () => void): void;
}

/**
 * Connects to one of the servers (`nats://[user:password@]host:port`, comma-separated). Tries for `withinMs`, then throws
 * `unavailable`; once connected, it comes back for ever.
 */
export async function connectNats(
  { servers, name, withinMs }: { servers: string; name: string; withinMs: number },
  clock: Clock,
): Promise<NatsLink> {
  const options = {
    ...readServers(servers),
    name,
    timeout: dialTimeoutMs,
    maxReconnectAttempts: -1,
    // Credentials that are being changed on the server must not end the connection for good.
    ignoreAuthErrorAbort: true,
    reconnectTimeWait: reconnectPauseMs,
    reconnectJitter: reconnectJitterMs,
    reconnectJitterTLS: reconnectJitterMs,
    pingInterval: pingIntervalMs,
    maxPingOut: 2,
    // A stack trace for each request is a fifth of what publishing costs.
    noAsyncTraces: true,
  };
  const until = clock.monotonic() + withinMs;
  for (;;) {
    try {
      return follow(await connect(options), clock);
    } catch (cause) {
      if (clock.monotonic() + reconnectPauseMs > until) {
        throw new FlotillaError('unavailable', 'The message bus cannot be reached.', { cause });
      }
    }
    await sleep(clock, reconnectPauseMs);
  }
}

function follow(connection: NatsConnection, clock: Clock): NatsLink {
  const returns = new Set<() => void>();
  const waiting = new Set<() => void>();
  let connected = true;
  void (async () => {
    for await (const status of connection.status()) {
      if (status.type === 'disconnect') {
        connected = false;
        log.warn('the connection to NATS is lost');
      } else if (status.type === 'reconnect') {
        connected = true;
        log.info('the connection to NATS is back');
        for (const resume of waiting) resume();
        for (const listener of returns) listener();
      } else if (status.type === 'error') {
        log.warn('NATS reports an error', { error: status.error });
      }
    }
    connected = false;
  })();

  return {
    connection,
    connected: () => connected && !connection.isClosed() && !connection.isDraining(),
    onReconnect: (listener) => void returns.add(listener),
    whenConnected(withinMs) {
      if (connection.isClosed() || connection.isDraining()) return Promise.reject(closedError());
      if (connected) return Promise.resolve();
      return new Promise((resolve, reject) => {
        const resume = () => {
          timer.cancel();
          waiting.delete(resume);
          resolve();
        };
        const timer = clock.after(withinMs, () => {
          waiting.delete(resume);
          reject(new FlotillaError('unavailable', 'The message bus cannot be reached.'));
        });
        waiting.add(resume);
      });
    },
  };
}

export function closedError(): FlotillaError {
  return new FlotillaError('unavailable', 'The bus is closed.');
}

/** The client takes credentials as options, not in URLs. */
function readServers(servers: string): { servers: string[]; user?: string; pass?: string; token?: string } {
  const urls = servers
    .split(',')
    .map((part) => part.trim())
    .filter(Boolean)
    .map((part) => new URL(part.includes('://') ? part : `nats://${part}`));
  const [first] = urls;
  if (!first) throw new Error('no NATS server is named');
  const user = decodeURIComponent(first.username);
  const pass = decodeURIComponent(first.password);
  return {
    servers: urls.map((url) => `${url.protocol}//${url.host}`),
    ...(user && pass ? { user, pass } : user ? { token: user } : {}),
  };
}
