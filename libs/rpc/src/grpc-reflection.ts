import { createRequire } from 'node:module';
import path from 'node:path';
import { fromBinary, toBinary } from '@bufbuild/protobuf';
import { FileDescriptorProtoSchema, FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { loadSync, type PackageDefinition } from '@grpc/proto-loader';
import { ReflectionService } from '@grpc/reflection';
import { fileDescriptorSet } from '@flotilla/contracts';
import { healthPackage } from './grpc-health.ts';

const versions = ['v1', 'v1alpha'] as const;

/**
 * Reflection by the services it lists: indexing the contracts takes ~50 ms, and a process that listens more than once
 * (tests do) serves the same ones. Bounded by the sets of services a process serves.
 */
const reflections = new Map<string, ReflectionService>();

/** Server reflection over `services` (full names), health and itself. */
export function reflectionOf(services: readonly string[]): ReflectionService {
  const key = services.join();
  let reflection = reflections.get(key);
  if (reflection === undefined) {
    const standard = [
      'grpc.health.v1.Health',
      ...versions.map((version) => `grpc.reflection.${version}.ServerReflection`),
    ];
    reflection = new ReflectionService(
      { ...healthPackage, ...reflectionPackage(), ...contracts() },
      { services: [...services, ...standard] },
    );
    reflections.set(key, reflection);
  }
  return reflection;
}

/**
 * The contracts' files as buf wrote them. What proto-loader makes of them when it reads and writes them again lacks
 * imports between packages, and grpcurl refuses it (https://github.com/grpc/grpc-node/issues/2595).
 */
function contracts(): PackageDefinition {
  const { file } = fromBinary(FileDescriptorSetSchema, Buffer.from(fileDescriptorSet, 'base64'));
  const fileDescriptorProtos = file.map((each) => Buffer.from(toBinary(FileDescriptorProtoSchema, each)));
  return { flotilla: { format: 'Protocol Buffer 3 EnumDescriptorProto', type: {}, fileDescriptorProtos } };
}

function reflectionPackage(): PackageDefinition {
  const folder = path.dirname(createRequire(import.meta.url).resolve('@grpc/reflection/package.json'));
  const files = versions.map((version) => path.join(folder, `build/proto/grpc/reflection/${version}/reflection.proto`));
  return Object.assign({}, ...files.map((file) => loadSync(file))) as PackageDefinition;
}
