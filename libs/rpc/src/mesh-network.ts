import { FlotillaError, systemClock, systemRandom } from '@flotilla/kernel';
import { DeadlineWheel } from './deadlines.ts';
import type { CallOptions, Client, Handlers, RpcNetwork, ServiceDefinition } from './definition.ts';
import { InFlight } from './in-flight.ts';
import { LinkStream, LinkUnary } from './link-call.ts';
import { LinkPool } from './link-pool.ts';
import { linkConnector } from './link-socket.ts';
import { memoryClient } from './memory-network.ts';
import { callDefaults, type NetworkOptions } from './network-options.ts';
import { resolvePeer, type ResolvePeer } from './peer-address.ts';
import { RetryBudget } from './retry-budget.ts';
import { Router } from './router.ts';
import type { ServerHost } from './server-host.ts';
import { ServerPort } from './server-port.ts';

export interface MeshNetworkOptions extends NetworkOptions {
  /** `host:port` to serve on; port 0 takes a free one. Absent: this process only calls. */
  listen?: string;
  /**
   * Where services run: by full name (`flotilla.safety.v1.Safety`) or area (`safety`), `host:port` or `dns:host:port`;
   * every address of the name is a replica. What is not named here is called within this process.
   */
  peers?: Readonly<Record<string, string>>;
  /** Replaces DNS in tests. */
  resolve?: ResolvePeer;
}

export interface MeshNetwork extends RpcNetwork {
  /** `host:port` as it was bound. Throws before `listen` and without something to listen on. */
  address(): string;
}

/**
 * Services of many processes: it serves on one port (links, gRPC, health, reflection) and calls peers over links.
 * Calls wait up to 2 s for a first connection. Throws when the address of a peer is none.
 */
export function createMeshNetwork(options: MeshNetworkOptions = {}): MeshNetwork {
  const clock = options.clock ?? systemClock;
  const defaults = { ...callDefaults, ...options.defaults };
  const wheel = new DeadlineWheel(clock);
  const host: ServerHost = {
    router: new Router(),
    wheel,
    inFlight: new InFlight(),
    observer: options.observer,
    refusal: undefined,
  };
  const server = options.listen === undefined ? undefined : new ServerPort(host, clock);
  // By target: services that run in one process share their links.
  const pools = new Map<string, LinkPool>();
  const peers = new Map<string, LinkPool>();
  for (const [name, target] of Object.entries(options.peers ?? {})) {
    const pool =
      pools.get(target) ??
      new LinkPool(target, {
        clock,
        wheel,
        random: options.random ?? systemRandom,
        observer: options.observer,
        budget: new RetryBudget(clock),
        connect: linkConnector(clock),
        resolve: options.resolve ?? resolvePeer,
      });
    pools.set(target, pool);
    peers.set(name, pool);
  }

  return {
    serve<D extends ServiceDefinition>(definition: D, handlers: Handlers<D>) {
      return host.router.serve(definition, handlers);
    },
    client<D extends ServiceDefinition>(definition: D) {
      const pool = peers.get(definition.fullName) ?? peers.get(areaOf(definition));
      if (pool === undefined) return memoryClient(host, definition, defaults);
      const client: Record<string, (request: unknown, options?: CallOptions) => unknown> = {};
      for (const [key, methodDefinition] of Object.entries(definition.methods)) {
        const method = host.router.method(definition, methodDefinition);
        client[key] = methodDefinition.responseStream
          ? (request, call) => new LinkStream(pool, method, call?.timeoutMs ?? defaults.streamTimeoutMs, request, call)
          : (request, call) =>
              new LinkUnary(pool, method, call?.timeoutMs ?? defaults.unaryTimeoutMs, request, call).promise;
      }
      return client as Client<D>;
    },
    async listen() {
      if (server !== undefined) await server.listen(options.listen!);
    },
    async drain(signal) {
      host.refusal = new FlotillaError('unavailable', 'The service is shutting down.');
      server?.goaway('shutting down');
      await host.inFlight.idle(signal);
      await server?.hungUp(signal);
    },
    async close() {
      host.refusal = new FlotillaError('unavailable', 'The network is closed.');
      server?.close();
      for (const pool of pools.values()) pool.close();
      wheel.close(host.refusal);
    },
    address() {
      if (server?.address === undefined) throw new Error('the network does not listen');
      return server.address;
    },
  };
}

/** `flotilla.safety.v1.Safety` → `safety`. */
function areaOf({ fullName }: ServiceDefinition): string {
  return fullName.split('.')[1] ?? fullName;
}
