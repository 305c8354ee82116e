import { FlotillaError, toFlotillaError } from '@flotilla/kernel';

/** Fastify's own errors (and its multipart plugin's) as ours. Anything else it throws with a 4xx is the client's mistake. */
export function fromFramework(error: unknown): FlotillaError {
  if (error instanceof FlotillaError) return error;
  const { code, statusCode } = error as { code?: string; statusCode?: number };
  switch (code) {
    case 'FST_ERR_CTP_BODY_TOO_LARGE':
    case 'FST_REQ_FILE_TOO_LARGE':
      return new FlotillaError('err_payload_too_large');
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE':
    case 'FST_ERR_CTP_INVALID_TYPE':
      return new FlotillaError('unsupported_media_type');
    case 'FST_INVALID_MULTIPART_CONTENT_TYPE':
      return new FlotillaError('unsupported_media_type', 'Send multipart/form-data.');
    case 'FST_ERR_CTP_INVALID_CONTENT_LENGTH':
      return new FlotillaError('invalid_request', 'The body is not as long as Content-Length says.');
    case 'FST_ERR_BAD_URL':
      return new FlotillaError('invalid_request', 'The URL is not well-formed.');
    case 'FST_PARTS_LIMIT':
    case 'FST_FILES_LIMIT':
    case 'FST_FIELDS_LIMIT':
      return new FlotillaError('err_payload_too_large', 'The form has too many parts.');
    default:
  }
  if (statusCode !== undefined && statusCode >= 400 && statusCode < 500) {
    return new FlotillaError('invalid_request', undefined, { cause: error });
  }
  return toFlotillaError(error);
}

/**
 * What a connection gets that does not speak HTTP well enough for a request to be made of it: Node's parser errors.
 * `undefined`: nothing can be said, or nobody is there to hear it.
 */
export function rawAnswer(code: string | undefined): string | undefined {
  const answers: Readonly<Record<string, readonly [string, string]>> = {
    HPE_HEADER_OVERFLOW: ['431 Request Header Fields Too Large', 'The headers are too large.'],
    ERR_HTTP_REQUEST_TIMEOUT: ['408 Request Timeout', 'The request did not arrive in time.'],
  };
  if (code === 'ECONNRESET' || code === 'EPIPE') return undefined;
  const [status, message] = answers[code ?? ''] ?? ['400 Bad Request', 'This is not an HTTP request.'];
  const body = JSON.stringify({
    error: { message, type: 'invalid_request_error', param: null, code: 'invalid_request' },
  });
  return `HTTP/1.1 ${status}\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
}
