import { FlotillaError, type ErrorCode } from '@flotilla/kernel';
import { EngineFailure, type Redact } from './provider.ts';

/** Characters of an engine's message that a client sees. */
const maxMessage = 500;

/** An HTTP answer of 400 and above, or an error in a body or a stream that carries such a status. */
export function statusFailure(status: number, body: unknown, redact: Redact, retryAfterMs?: number): EngineFailure {
  const said = messageOf(body);
  const message = said === undefined ? undefined : redact(said).slice(0, maxMessage);
  const details = retryAfterMs === undefined ? { engineStatus: status } : { engineStatus: status, retryAfterMs };
  const fail = (code: ErrorCode, text: string | undefined, failover: boolean) =>
    new EngineFailure(new FlotillaError(code, text, { details }), { failover });
  if (aboutAccount(body, said)) return fail('engine_error', refusedAccount(status), true);
  switch (status) {
    case 400:
    case 422:
      return isContextLength(body, said)
        ? fail('context_length_exceeded', message, false)
        : fail('invalid_request', message, false);
    // What providers say of a refused key is about the platform's account, not about the client.
    case 401:
    case 402:
    case 403:
      return fail('engine_error', refusedAccount(status), true);
    case 404:
      return fail('model_not_found', message, true);
    case 413:
      return fail('err_payload_too_large', message, false);
    case 429:
    case 503:
    case 529:
      return fail('overloaded', 'The engine has too much under way. Try again in a moment.', true);
    default:
      return fail('engine_error', `The engine failed (status ${status}).`, true);
  }
}

/** What Anthropic names instead of a status (docs.anthropic.com, "Errors"). */
const statusOfType: Readonly<Record<string, number>> = {
  invalid_request_error: 400,
  authentication_error: 401,
  billing_error: 402,
  permission_error: 403,
  not_found_error: 404,
  request_too_large: 413,
  rate_limit_error: 429,
  overloaded_error: 529,
};

/** `{"error": …}` inside an answer that began with status 200. */
export function frameFailure(error: unknown, redact: Redact): EngineFailure {
  const { code, type } = (typeof error === 'object' && error !== null ? error : {}) as Record<string, unknown>;
  const named = typeof type === 'string' && Object.hasOwn(statusOfType, type) ? statusOfType[type] : undefined;
  const status = Number(code);
  return statusFailure(status >= 400 && status < 600 ? status : (named ?? 500), { error }, redact);
}

export function cutFailure(): EngineFailure {
  return new EngineFailure(new FlotillaError('engine_error', 'The engine ended the answer before it was complete.'), {
    failover: true,
  });
}

export function malformedFailure(what: string, cause?: unknown): EngineFailure {
  return new EngineFailure(new FlotillaError('engine_error', `The engine sent ${what}.`, { cause }), {
    failover: true,
  });
}

/**
 * What undici throws when a connection cannot be made or breaks before the answer. A reset may be a kept connection that
 * the engine closed at the same moment, which says nothing of its health.
 */
export function connectionFailure(error: Error): EngineFailure {
  const code = 'code' in error ? String(error.code) : '';
  const stale = ['ECONNRESET', 'EPIPE', 'UND_ERR_SOCKET'].includes(code);
  return new EngineFailure(
    new FlotillaError('engine_error', 'The connection to the engine failed.', { cause: error }),
    { failover: true, unreachable: !stale, stale },
  );
}

export function lateFailure(text: string, failover: boolean): EngineFailure {
  return new EngineFailure(new FlotillaError('deadline_exceeded', text), { failover, unreachable: failover });
}

/** OpenAI `{error: {message}}`, Ollama `{error: ""}`, older vLLM `{message}`, FastAPI `{detail}`. */
function messageOf(body: unknown): string | undefined {
  if (typeof body !== 'object' || body === null) return undefined;
  const { error, message, detail } = body as Record<string, unknown>;
  if (typeof error === 'string') return error;
  if (typeof error === 'object' && error !== null) return messageOf(error);
  if (typeof message === 'string') return message;
  return typeof detail === 'string' ? detail : undefined;
}

const tooLong = /maximum context length|prompt is too long|exceeds? the ((model's|available) )?context/i;

function refusedAccount(status: number): string {
  return `The provider refused the platform's own key or account (status ${status}).`;
}

/** OpenAI says 429 and Anthropic 400 of an account without money. */
function aboutAccount(body: unknown, message = ''): boolean {
  return codeOf(body) === 'insufficient_quota' || /credit balance is too low/i.test(message);
}

function codeOf(body: unknown): unknown {
  const error = typeof body === 'object' && body !== null && 'error' in body ? body.error : undefined;
  return typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
}

function isContextLength(body: unknown, message = ''): boolean {
  return codeOf(body) === 'context_length_exceeded' || tooLong.test(message);
}
