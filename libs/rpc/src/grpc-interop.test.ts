import { createRequire } from 'node:module';
import path from 'node:path';
import { fromBinary } from '@bufbuild/protobuf';
import { FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt';
import { Client, credentials, loadPackageDefinition, Metadata, type ServiceError } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { router, safety } from '@flotilla/contracts';
import { FlotillaError } from '@flotilla/kernel';
import { healthPackage } from './grpc-health.ts';
import { createMeshNetwork, type MeshNetwork } from './mesh-network.ts';
import { failure, safetyThat } from './suite-services.ts';

/** What loadPackageDefinition makes of a service, as far as these tests call it. */
interface DynamicClient extends Client {
  Check(request: object, done: (error: ServiceError | null, answer?: { status: string }) => void): void;
  Watch(request: object): AsyncIterable<{ status: string }> & { cancel(): void };
  ServerReflectionInfo(): AsyncIterable<ReflectionAnswer> & { write(request: object): void; end(): void };
}
type DynamicPackage = Record<string, new (address: string, credentials: credentials) => DynamicClient>;
type credentials = ReturnType<typeof credentials.createInsecure>;

interface ReflectionAnswer {
  list_services_response?: { service: { name: string }[] };
  file_descriptor_response?: { file_descriptor_proto: Buffer[] };
  error_response?: { error_message: string };
}

describe('the port of a service, to programs that know only gRPC', () => {
  let server: MeshNetwork;
  const open: Client[] = [];

  beforeAll(async () => {
    server = createMeshNetwork({ listen: '127.0.0.1:0' });
    server.serve(
      safety.SafetyDefinition,
      safetyThat(async ({ text }) => {
        if (text === 'fail')
          throw new FlotillaError('rate_limit_exceeded', 'Slow down.', { details: { retryAfterMs: 5 } });
        return { release: text };
      }),
    );
    await server.listen();
  });

  afterAll(async () => {
    for (const client of open) client.close();
    await server.close();
  });

  function dynamic(packages: ReturnType<typeof loadSync>, name: string): DynamicClient {
    const root = loadPackageDefinition(packages) as unknown as Record<string, unknown>;
    const Type = name.split('.').reduce((at, part) => at[part] as Record<string, unknown>, root) as unknown;
    const client = new (Type as DynamicPackage[string])(server.address(), credentials.createInsecure());
    open.push(client);
    return client;
  }

  it('answers a plain grpc-js client by the published proto', async () => {
    const protos = path.resolve(import.meta.dirname, '../../../proto');
    const packages = loadSync('flotilla/safety/v1/safety.proto', { includeDirs: [protos] });
    const client = dynamic(packages, 'flotilla.safety.v1.Safety') as unknown as {
      Guard(request: object, done: (error: ServiceError | null, answer?: { release: string }) => void): void;
    };
    const call = (text: string) =>
      new Promise<{ release: string }>((resolve, reject) =>
        client.Guard({ text }, (error, answer) => (error ? reject(error) : resolve(answer!))),
      );
    expect((await call('hello')).release).toBe('hello');
    const error = (await failure(call('fail'))) as unknown as ServiceError;
    expect(error).toMatchObject({ code: 8, details: 'Slow down.' });
    expect(error.metadata).toBeInstanceOf(Metadata);
    expect(error.metadata.get('flotilla-code')).toEqual(['rate_limit_exceeded']);
    expect(JSON.parse(String(error.metadata.get('flotilla-details-bin')[0]))).toEqual({ retryAfterMs: 5 });
  });

  it.each(['v1', 'v1alpha'])('lists its services and describes them by reflection (%s)', async (version) => {
    const folder = path.dirname(createRequire(import.meta.url).resolve('@grpc/reflection/package.json'));
    const file = path.join(folder, `build/proto/grpc/reflection/${version}/reflection.proto`);
    const client = dynamic(loadSync(file, { keepCase: true }), `grpc.reflection.${version}.ServerReflection`);
    const stream = client.ServerReflectionInfo();
    stream.write({ list_services: '' });
    stream.write({ file_containing_symbol: 'flotilla.safety.v1.Safety' });
    stream.write({ file_containing_symbol: 'grpc.health.v1.Health' });
    stream.write({ file_containing_symbol: `grpc.reflection.${version}.ServerReflection` });
    stream.end();
    const answers: ReflectionAnswer[] = [];
    for await (const answer of stream) answers.push(answer);
    const names = answers[0]!.list_services_response!.service.map(({ name }) => name);
    expect(names).toEqual(
      expect.arrayContaining([
        ...['flotilla.safety.v1.Safety', 'grpc.health.v1.Health'],
        `grpc.reflection.${version}.ServerReflection`,
      ]),
    );
    expect(names).not.toContain(router.RouterDefinition.fullName);
    for (const answer of answers.slice(1)) {
      expect(answer.file_descriptor_response?.file_descriptor_proto.length).toBeGreaterThan(0);
    }
    // Clients resolve the types of a file by what it imports, so the imports come with it.
    const files = answers[1]!.file_descriptor_response!.file_descriptor_proto.map((bytes) =>
      fromBinary(FileDescriptorProtoSchema, bytes),
    );
    expect(files[0]!.name).toBe('flotilla/safety/v1/safety.proto');
    expect(files.map(({ name }) => name)).toEqual(expect.arrayContaining(files[0]!.dependency));
    expect(files[0]!.dependency).toContain('flotilla/common/v1/common.proto');
  });

  it('tells its health: all of it, one service, an unknown one, and the change when it drains', async () => {
    const client = dynamic(healthPackage, 'grpc.health.v1.Health');
    const check = (service: string) =>
      new Promise<string>((resolve) =>
        client.Check({ service }, (error, answer) => resolve(error ? `error ${error.code}` : answer!.status)),
      );
    expect(await check('')).toBe('SERVING');
    expect(await check('flotilla.safety.v1.Safety')).toBe('SERVING');
    expect(await check('flotilla.router.v1.Router')).toBe('error 5');
    const watch = client.Watch({ service: '' });
    const statuses: string[] = [];
    for await (const { status } of watch) {
      statuses.push(status);
      if (statuses.length === 2) break;
      await server.drain(AbortSignal.timeout(1_000));
    }
    expect(statuses).toEqual(['SERVING', 'NOT_SERVING']);
    expect(await check('flotilla.safety.v1.Safety')).toBe('NOT_SERVING');
  });
});
