import {
  logVerbosity,
  Metadata,
  Server,
  ServerCredentials,
  setLogVerbosity,
  type ServerDuplexStream,
} from '@grpc/grpc-js';
import { toFlotillaError } from '@flotilla/kernel';
import { toGrpcStatus } from './grpc-errors.ts';
import { GrpcHealth, healthService } from './grpc-health.ts';
import { reflectionOf } from './grpc-reflection.ts';
import { grpcDefinition, grpcImplementation } from './grpc-service.ts';
import { linkLimits } from './link-limits.ts';
import { LinkServer } from './link-server.ts';
import type { ServerHost } from './server-host.ts';

type LinkStream = ServerDuplexStream<Buffer, Buffer>;

// What goes wrong is thrown; lines of its own on stderr would stand between our JSON.
setLogVerbosity(logVerbosity.NONE);

const linkService = 'flotilla.rpc.v1.Link';
const identity = (bytes: Buffer) => bytes;
const linkDefinition = {
  Open: {
    path: `/${linkService}/Open`,
    requestStream: true,
    responseStream: true,
    requestSerialize: identity,
    requestDeserialize: identity,
    responseSerialize: identity,
    responseDeserialize: identity,
  },
};

/**
 * One port for everything that a process serves: links, ordinary gRPC, `grpc.health.v1.Health`, and server reflection
 * (v1 and v1alpha), so that `grpcurl -plaintext HOST list` works.
 */
export class GrpcServer {
  readonly #host: ServerHost;
  readonly #links = new Set<LinkServer>();
  readonly #health: GrpcHealth;
  #server: Server | undefined;
  #address: string | undefined;

  constructor(host: ServerHost) {
    this.#host = host;
    this.#health = new GrpcHealth((name) => [...host.router.services].some(({ fullName }) => fullName === name));
  }

  /** `host:port` as it was bound; undefined before `listen`. */
  get address(): string | undefined {
    return this.#address;
  }

  /** `listen`: `host:port`; port 0 takes a free one. Throws when it cannot be bound. */
  async listen(listen: string): Promise<void> {
    const server = new Server({
      'grpc.max_receive_message_length': linkLimits.receiveBytes,
      'grpc.max_send_message_length': linkLimits.receiveBytes,
      'grpc.keepalive_time_ms': linkLimits.pingEveryMs,
      'grpc.keepalive_timeout_ms': linkLimits.pingTimeoutMs,
    });
    this.#server = server;
    const names: string[] = [];
    for (const service of this.#host.router.services) {
      server.addService(grpcDefinition(service), grpcImplementation(this.#host, service));
      names.push(service.fullName);
    }
    server.addService(linkDefinition, { Open: (stream: LinkStream) => this.#open(stream) });
    server.addService(healthService, this.#health.handlers);
    reflectionOf([...names, linkService]).addToServer(server);

    const port = await new Promise<number>((resolve, reject) => {
      server.bindAsync(listen, ServerCredentials.createInsecure(), (error, bound) =>
        error ? reject(new Error(`cannot listen on ${listen}`, { cause: error })) : resolve(bound),
      );
    });
    this.#address = `${listen.slice(0, listen.lastIndexOf(':'))}:${port}`;
  }

  /** Health says NOT_SERVING and every link is told to go elsewhere. */
  goaway(reason: string): void {
    this.#health.stopServing();
    for (const link of this.#links) link.goaway(reason);
  }

  close(): void {
    this.#server?.forceShutdown();
    for (const link of [...this.#links]) link.close();
    this.#links.clear();
  }

  #open(stream: LinkStream): void {
    if (this.#host.refusal !== undefined) return void stream.emit('error', toGrpcStatus(this.#host.refusal));
    const link = new LinkServer(
      this.#host,
      (batch, done) => stream.write(Buffer.from(batch.buffer, batch.byteOffset, batch.length), done),
      () => stream.resume(),
    );
    const left = () => {
      this.#links.delete(link);
      link.close();
    };
    this.#links.add(link);
    // The headers alone tell the peer that calls are taken.
    stream.sendMetadata(new Metadata());
    stream.on('data', (batch: Buffer) => {
      try {
        link.receive(batch);
        if (link.full) stream.pause();
      } catch (error) {
        left();
        stream.emit('error', toGrpcStatus(toFlotillaError(error)));
      }
    });
    stream.on('cancelled', left);
    stream.on('close', left);
    stream.on('error', left);
    stream.on('end', () => {
      left();
      stream.end();
    });
  }
}
