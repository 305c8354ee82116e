import type { Socket } from 'node:net';
import { logVerbosity, Server, ServerCredentials, setLogVerbosity, type ConnectionInjector } from '@grpc/grpc-js';
import { GrpcHealth, healthService } from './grpc-health.ts';
import { reflectionOf } from './grpc-reflection.ts';
import { grpcDefinition, grpcImplementation } from './grpc-service.ts';
import { linkLimits } from './link-limits.ts';
import type { ServerHost } from './server-host.ts';

// What goes wrong is thrown; lines of its own on stderr would stand between our JSON.
setLogVerbosity(logVerbosity.NONE);

/**
 * Ordinary gRPC on connections that the port hands over: what the process serves, `grpc.health.v1.Health`, and server
 * reflection (v1 and v1alpha), so that `grpcurl -plaintext HOST list` works.
 */
export class GrpcServer {
  readonly #host: ServerHost;
  readonly #health: GrpcHealth;
  #server: Server | undefined;
  #injector: ConnectionInjector | undefined;

  constructor(host: ServerHost) {
    this.#host = host;
    this.#health = new GrpcHealth((name) => [...host.router.services].some(({ fullName }) => fullName === name));
  }

  /** Serves what the router knows by now. */
  start(): void {
    const server = new Server({
      'grpc.max_receive_message_length': linkLimits.receiveBytes,
      'grpc.max_send_message_length': linkLimits.receiveBytes,
      'grpc.keepalive_time_ms': linkLimits.pingEveryMs,
      'grpc.keepalive_timeout_ms': linkLimits.pingTimeoutMs,
    });
    const names: string[] = [];
    for (const service of this.#host.router.services) {
      server.addService(grpcDefinition(service), grpcImplementation(this.#host, service));
      names.push(service.fullName);
    }
    server.addService(healthService, this.#health.handlers);
    reflectionOf(names).addToServer(server);
    this.#server = server;
    this.#injector = server.createConnectionInjector(ServerCredentials.createInsecure());
  }

  accept(socket: Socket): void {
    this.#injector?.injectConnection(socket);
  }

  /** Health says NOT_SERVING. */
  stopServing(): void {
    this.#health.stopServing();
  }

  close(): void {
    this.#server?.forceShutdown();
  }
}
