import { Client, credentials } from '@grpc/grpc-js';

/** `SERVING` of grpc.health.v1.HealthCheckResponse, as field 1. */
const serving = Buffer.from([0x08, 0x01]);

/** Asks grpc.health.v1.Health/Check; rejects unless the answer is SERVING. */
export function checkGrpcHealth(target: string, service: string, deadlineMs: number): Promise<void> {
  const client = new Client(target, credentials.createInsecure());
  return new Promise<void>((resolve, reject) => {
    const name = Buffer.from(service);
    const query = name.length === 0 ? name : Buffer.concat([Buffer.from([0x0a, name.length]), name]);
    client.makeUnaryRequest(
      '/grpc.health.v1.Health/Check',
      (bytes: Buffer) => bytes,
      (bytes: Buffer) => bytes,
      query,
      { deadline: new Date(Date.now() + deadlineMs) },
      (error, answer) => {
        if (error) reject(new Error(`service unhealthy: ${error.details || error.message}`));
        else if (answer?.equals(serving)) resolve();
        else reject(new Error('service unhealthy (responded with "NOT_SERVING")'));
      },
    );
  }).finally(() => client.close());
}
