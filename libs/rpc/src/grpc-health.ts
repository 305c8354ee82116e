import type { sendUnaryData, ServerUnaryCall, ServerWritableStream, ServiceDefinition } from '@grpc/grpc-js';
import { status } from '@grpc/grpc-js';
import { fromJSON, type PackageDefinition } from '@grpc/proto-loader';

/** grpc/health/v1/health.proto of the gRPC project, as protobuf.js writes descriptors. */
const descriptor = {
  nested: {
    grpc: {
      nested: {
        health: {
          nested: {
            v1: {
              nested: {
                HealthCheckRequest: { fields: { service: { type: 'string', id: 1 } } },
                HealthCheckResponse: {
                  fields: { status: { type: 'ServingStatus', id: 1 } },
                  nested: {
                    ServingStatus: { values: { UNKNOWN: 0, SERVING: 1, NOT_SERVING: 2, SERVICE_UNKNOWN: 3 } },
                  },
                },
                Health: {
                  methods: {
                    Check: { requestType: 'HealthCheckRequest', responseType: 'HealthCheckResponse', comment: '' },
                    Watch: {
                      requestType: 'HealthCheckRequest',
                      responseType: 'HealthCheckResponse',
                      responseStream: true,
                      comment: '',
                    },
                  },
                },
              },
            },
          },
        },
      },
    },
  },
};

export const healthPackage: PackageDefinition = fromJSON(descriptor, { enums: String });

export const healthService = healthPackage['grpc.health.v1.Health'] as ServiceDefinition;

interface Query {
  service?: string;
}

type Answer = { status: 'SERVING' | 'NOT_SERVING' | 'SERVICE_UNKNOWN' };

/** Watchers at once; more are refused. */
const mostWatchers = 1_024;

/** The standard health service: by service name, and over all under the empty name. */
export class GrpcHealth {
  readonly #serves: (service: string) => boolean;
  readonly #watchers = new Map<ServerWritableStream<Query, Answer>, string>();
  #serving = true;

  /** `serves`: whether a service of that full name is served here. */
  constructor(serves: (service: string) => boolean) {
    this.#serves = serves;
  }

  readonly handlers = {
    Check: (call: ServerUnaryCall<Query, Answer>, respond: sendUnaryData<Answer>): void => {
      const answer = this.#status(call.request.service ?? '');
      if (answer === 'SERVICE_UNKNOWN') respond({ code: status.NOT_FOUND, details: 'no such service' });
      else respond(null, { status: answer });
    },
    Watch: (call: ServerWritableStream<Query, Answer>): void => {
      if (this.#watchers.size >= mostWatchers) {
        return void call.emit('error', { code: status.RESOURCE_EXHAUSTED, details: 'too many watchers' });
      }
      const service = call.request.service ?? '';
      this.#watchers.set(call, service);
      call.on('cancelled', () => this.#watchers.delete(call));
      call.on('close', () => this.#watchers.delete(call));
      call.write({ status: this.#status(service) });
    },
  };

  /** Readiness fails from now on. */
  stopServing(): void {
    this.#serving = false;
    for (const [call, service] of this.#watchers) call.write({ status: this.#status(service) });
  }

  #status(service: string): Answer['status'] {
    if (service !== '' && !this.#serves(service)) return 'SERVICE_UNKNOWN';
    return this.#serving ? 'SERVING' : 'NOT_SERVING';
  }
}
