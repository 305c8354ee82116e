import { createServer, type Server, type Socket } from 'node:net';
import type { Followed } from '@flotilla/kubernetes';
import { connectToOne, join } from './connect.ts';
import type { Endpoints } from './endpoints.ts';
import type { ServicePlace } from './objects.ts';

export interface ClusterIpsOptions {
  services: Pick<Followed<ServicePlace>, 'items' | 'onChange'>;
  endpoints: Endpoints;
  /** Told of an address that cannot be listened on, with what to do. */
  onProblem(text: string): void;
}

export interface ClusterIps {
  stop(): Promise<void>;
}

/** What kube-proxy does: each cluster IP and port takes connections and passes them to ready endpoints in turn. */
export function forwardClusterIps({ services, endpoints, onProblem }: ClusterIpsOptions): ClusterIps {
  const forwarders = new Map<string, Forwarder>();

  const update = (key: string, now: ServicePlace | undefined): void => {
    const wanted = new Map(
      (now?.clusterIp === undefined ? [] : now.ports).map((each) => [idOf(key, now!, each.port), each]),
    );
    for (const [id, forwarder] of forwarders) {
      if (!id.startsWith(`${key} `) || wanted.has(id)) continue;
      forwarders.delete(id);
      forwarder.stop();
    }
    for (const [id, { port }] of wanted) {
      if (forwarders.has(id)) continue;
      const choose = () => {
        const service = services.items.get(key);
        return service ? endpoints.of(service, port) : [];
      };
      forwarders.set(id, new Forwarder({ host: now!.clusterIp!, port }, choose, onProblem));
    }
  };

  const stopListening = services.onChange(update);
  for (const [key, service] of services.items) update(key, service);
  return {
    async stop() {
      stopListening();
      await Promise.all([...forwarders.values()].map((forwarder) => forwarder.stop()));
      forwarders.clear();
    },
  };
}

function idOf(key: string, { clusterIp }: ServicePlace, port: number): string {
  return `${key} ${clusterIp}:${port}`;
}

class Forwarder {
  readonly #server: Server;
  readonly #connections = new Set<Socket>();
  #turn = 0;

  constructor(
    at: { host: string; port: number },
    choose: () => ReturnType<Endpoints['of']>,
    onProblem: (text: string) => void,
  ) {
    // Bytes that come before the endpoint is there wait in the socket.
    this.#server = createServer({ pauseOnConnect: true, noDelay: true, allowHalfOpen: true }, (socket) => {
      void this.#forward(socket, choose());
    });
    this.#server.on('error', (error: NodeJS.ErrnoException) => onProblem(problemOf(at, error)));
    this.#server.listen({ ...at, exclusive: true });
  }

  async #forward(client: Socket, candidates: ReturnType<Endpoints['of']>): Promise<void> {
    this.#hold(client);
    this.#turn += 1;
    const endpoint = await connectToOne(candidates, this.#turn);
    if (!endpoint || client.destroyed) {
      client.resetAndDestroy();
      endpoint?.destroy();
      return;
    }
    this.#hold(endpoint);
    join(client, endpoint);
  }

  #hold(socket: Socket): void {
    this.#connections.add(socket);
    socket.on('error', () => socket.destroy());
    socket.once('close', () => this.#connections.delete(socket));
  }

  stop(): Promise<void> {
    for (const socket of this.#connections) socket.destroy();
    return new Promise((resolve) => this.#server.close(() => resolve()));
  }
}

function problemOf({ host, port }: { host: string; port: number }, { code, message }: NodeJS.ErrnoException): string {
  if (code !== 'EACCES') return `nothing listens on ${host}:${port}: ${message}`;
  return `port ${port} of ${host} needs rights: sudo sysctl net.ipv4.ip_unprivileged_port_start=${port}`;
}
