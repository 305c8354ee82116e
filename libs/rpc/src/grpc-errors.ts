import { Metadata, status, type ServiceError, type StatusObject } from '@grpc/grpc-js';
import { FlotillaError, type ErrorCode } from '@flotilla/kernel';
import { errorFromWire } from './batch-reader.ts';

const codeKey = 'flotilla-code';
/** Binary, because details may hold any text and metadata only ASCII. */
const detailsKey = 'flotilla-details-bin';

/** The error as gRPC sends it: the table's status, the public message, and our code and details in the trailers. */
export function toGrpcStatus(error: FlotillaError): Partial<StatusObject> {
  const metadata = new Metadata();
  metadata.set(codeKey, error.code);
  const details = JSON.stringify(error.details);
  if (details !== '{}') metadata.set(detailsKey, Buffer.from(details));
  return { code: error.row.grpc, details: error.message, metadata };
}

/** The code for a status of a server that is not ours. */
const codeOfStatus: Partial<Record<number, ErrorCode>> = {
  [status.CANCELLED]: 'cancelled',
  [status.INVALID_ARGUMENT]: 'invalid_request',
  [status.DEADLINE_EXCEEDED]: 'deadline_exceeded',
  [status.NOT_FOUND]: 'not_found',
  [status.PERMISSION_DENIED]: 'permission_denied',
  [status.RESOURCE_EXHAUSTED]: 'overloaded',
  [status.FAILED_PRECONDITION]: 'capability_mismatch',
  [status.ABORTED]: 'conflict',
  [status.UNIMPLEMENTED]: 'unavailable',
  [status.UNAVAILABLE]: 'unavailable',
  [status.UNAUTHENTICATED]: 'invalid_api_key',
};

/** What grpc-js reports, as our error. Texts of servers that are not ours stay inside. */
export function fromGrpcError(error: ServiceError): FlotillaError {
  const code = error.metadata?.get(codeKey)[0];
  if (typeof code === 'string') {
    const details = error.metadata.get(detailsKey)[0];
    return errorFromWire(code, error.details, details?.toString());
  }
  return new FlotillaError(codeOfStatus[error.code] ?? 'internal', undefined, { cause: error });
}
