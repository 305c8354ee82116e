/**
 * The one table of errors. A code says everything a client, a metric or another service needs; the cause stays inside.
 * `type` follows OpenAI's error types; the HTTP and gRPC statuses follow Google's AIP-193 mapping.
 */
export const errorTable = {
  invalid_request: {
    http: 400,
    grpc: 3,
    type: 'invalid_request_error',
    retry: false,
    text: 'The request is not valid.',
  },
  invalid_json: {
    http: 400,
    grpc: 3,
    type: 'invalid_request_error',
    retry: false,
    text: 'The body is not valid JSON.',
  },
  content_filter: {
    http: 400,
    grpc: 9,
    type: 'invalid_request_error',
    retry: false,
    text: 'The prompt was refused by a safety rule.',
  },
  context_length_exceeded: {
    http: 400,
    grpc: 3,
    type: 'invalid_request_error',
    retry: false,
    text: 'The prompt is longer than the context window of the model.',
  },
  invalid_api_key: {
    http: 401,
    grpc: 16,
    type: 'authentication_error',
    retry: false,
    text: 'The API key is missing or not valid. Send it as "Authorization: Bearer <key>".',
  },
  permission_denied: { http: 403, grpc: 7, type: 'permission_error', retry: false, text: 'This key may not do that.' },
  not_found: { http: 404, grpc: 5, type: 'invalid_request_error', retry: false, text: 'There is no such thing.' },
  model_not_found: {
    http: 404,
    grpc: 5,
    type: 'invalid_request_error',
    retry: false,
    text: 'There is no such model. GET /v1/models lists those there are.',
  },
  unknown_url: { http: 404, grpc: 12, type: 'invalid_request_error', retry: false, text: 'There is no such URL.' },
  method_not_allowed: {
    http: 405,
    grpc: 12,
    type: 'invalid_request_error',
    retry: false,
    text: 'This URL does not take that method.',
  },
  conflict: {
    http: 409,
    grpc: 10,
    type: 'invalid_request_error',
    retry: true,
    text: 'Something else changed it at the same time.',
  },
  in_the_way: {
    http: 409,
    grpc: 9,
    type: 'invalid_request_error',
    retry: false,
    text: 'Something that is there stands in the way. Another try does not help.',
  },
  capability_mismatch: {
    http: 409,
    grpc: 9,
    type: 'invalid_request_error',
    retry: false,
    text: 'The model cannot do what the request needs.',
  },
  err_payload_too_large: {
    http: 413,
    grpc: 3,
    type: 'invalid_request_error',
    retry: false,
    text: 'The body is too large.',
  },
  unsupported_media_type: {
    http: 415,
    grpc: 3,
    type: 'invalid_request_error',
    retry: false,
    text: 'Send application/json.',
  },
  err_template_required: {
    http: 422,
    grpc: 9,
    type: 'invalid_request_error',
    retry: false,
    text: 'The model needs a chat template, and there is none of it.',
  },
  idempotency_key_reused: {
    http: 422,
    grpc: 3,
    type: 'invalid_request_error',
    retry: false,
    text: 'This Idempotency-Key was used with another request. Use a new key for a new request.',
  },
  rate_limit_exceeded: { http: 429, grpc: 8, type: 'rate_limit_error', retry: true, text: 'A rate limit was reached.' },
  cancelled: { http: 499, grpc: 1, type: 'api_error', retry: false, text: 'The client left.' },
  internal: { http: 500, grpc: 13, type: 'api_error', retry: true, text: 'Something went wrong on our side.' },
  engine_error: { http: 502, grpc: 13, type: 'api_error', retry: true, text: 'The engine failed to answer.' },
  unavailable: { http: 503, grpc: 14, type: 'api_error', retry: true, text: 'A service is not available right now.' },
  engine_unavailable: {
    http: 503,
    grpc: 14,
    type: 'api_error',
    retry: true,
    text: 'No engine serves this model right now.',
  },
  safety_unavailable: {
    http: 503,
    grpc: 14,
    type: 'api_error',
    retry: true,
    text: 'The safety check did not answer and the policy is to refuse without it.',
  },
  overloaded: {
    http: 503,
    grpc: 8,
    type: 'overloaded_error',
    retry: true,
    text: 'Too much is under way. Try again in a moment.',
  },
  err_model_start_timeout: {
    http: 503,
    grpc: 14,
    type: 'api_error',
    retry: true,
    text: 'The model did not start in time.',
  },
  deadline_exceeded: { http: 504, grpc: 4, type: 'timeout_error', retry: true, text: 'It took too long.' },
} as const satisfies Record<string, ErrorRow>;

/** What the table says of one code. `grpc` is the numeric gRPC status; `retry`: whether the same request may succeed later. */
export interface ErrorRow {
  http: number;
  grpc: number;
  type: string;
  retry: boolean;
  text: string;
}

export type ErrorCode = keyof typeof errorTable;

/** Facts a client may see next to the message. `param` names the field of the body that is wrong. */
export interface ErrorDetails {
  param?: string;
  retryAfterMs?: number;
  [key: string]: string | number | boolean | undefined;
}

/**
 * An error with a public half (code, message, details) and an internal one (`cause`, never sent).
 * The message is shown to clients: it says what is wrong and what to do next, and holds no secret.
 */
export class FlotillaError extends Error {
  override readonly name = 'FlotillaError';
  readonly code: ErrorCode;
  readonly details: ErrorDetails;

  /** A stack is taken for `internal` only: the other codes are answers, made by the thousand under load, and a stack costs ~20 µs. */
  constructor(code: ErrorCode, message?: string, options: { details?: ErrorDetails; cause?: unknown } = {}) {
    const { stackTraceLimit } = Error;
    if (code !== 'internal') Error.stackTraceLimit = 0;
    super(message ?? errorTable[code].text, { cause: options.cause });
    Error.stackTraceLimit = stackTraceLimit;
    this.code = code;
    this.details = options.details ?? {};
  }

  get row(): ErrorRow {
    return errorTable[this.code];
  }
}

export function isErrorCode(code: string): code is ErrorCode {
  return Object.hasOwn(errorTable, code);
}

/**
 * Any thrown value as a FlotillaError. Aborts become `cancelled`, timeouts `deadline_exceeded`, all else `internal`
 * with the original as cause and nothing of it in the public message.
 */
export function toFlotillaError(error: unknown): FlotillaError {
  if (error instanceof FlotillaError) return error;
  const name = typeof error === 'object' && error !== null && 'name' in error ? error.name : undefined;
  if (name === 'AbortError') return new FlotillaError('cancelled', undefined, { cause: error });
  if (name === 'TimeoutError') return new FlotillaError('deadline_exceeded', undefined, { cause: error });
  return new FlotillaError('internal', undefined, { cause: error });
}
