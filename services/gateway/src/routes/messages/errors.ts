import type { limits } from '@flotilla/contracts';
import type { FlotillaError } from '@flotilla/kernel';
import { LimitReached } from '../../admission/limit-reached.ts';
import type { ErrorShape } from '../../http/error-shape.ts';

/** Anthropic's error types by HTTP status. */
const types: Readonly<Record<number, string>> = {
  400: 'invalid_request_error',
  401: 'authentication_error',
  403: 'permission_error',
  404: 'not_found_error',
  413: 'request_too_large',
  429: 'rate_limit_error',
  504: 'timeout_error',
};

function typeOf({ code, row }: FlotillaError): string {
  if (code === 'overloaded') return 'overloaded_error';
  return types[row.http] ?? (row.http < 500 ? 'invalid_request_error' : 'api_error');
}

/** Anthropic's errors. `param` and `code` are ours beside them: which field is wrong, and the row of the table of errors. */
export const anthropicErrors: ErrorShape = {
  body(error, requestId) {
    const { param } = error.details;
    return {
      type: 'error',
      error: { type: typeOf(error), message: error.message, code: error.code, ...(param && { param }) },
      request_id: requestId,
    };
  },
  headers(error, requestId, now) {
    const headers = ['request-id', requestId];
    return error instanceof LimitReached ? [...headers, ...limitHeaders(error.limits, now)] : headers;
  },
};

/** `anthropic-ratelimit-{requests,tokens}-{limit,remaining,reset}`, of the tightest limit of each kind; resets as RFC 3339. */
export function limitHeaders(states: readonly limits.LimitState[], now: number): string[] {
  const headers: string[] = [];
  for (const kind of ['requests', 'tokens']) {
    let tightest: limits.LimitState | undefined;
    for (const state of states) {
      if (!state.name.startsWith(kind)) continue;
      if (!tightest || state.remaining / state.limit < tightest.remaining / tightest.limit) tightest = state;
    }
    if (!tightest) continue;
    const { limit, resetMs } = tightest;
    const remaining = Math.max(0, Math.floor(tightest.remaining));
    const name = `anthropic-ratelimit-${kind}`;
    const reset = new Date(now + resetMs).toISOString();
    headers.push(`${name}-limit`, `${limit}`, `${name}-remaining`, `${remaining}`, `${name}-reset`, reset);
  }
  return headers;
}
