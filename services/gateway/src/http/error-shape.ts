import type { FlotillaError } from '@flotilla/kernel';

/** OpenAI's error object. */
export interface ErrorBody {
  message: string;
  type: string;
  param: string | null;
  code: string;
}

/** How one API tells of an error. Statuses and retry headers are the same in all. */
export interface ErrorShape {
  body(error: FlotillaError, requestId: string): object;
  /** Further headers, flat as names and values. `now`: milliseconds since 1970. */
  headers(error: FlotillaError, requestId: string, now: number): string[];
}

export const openAiErrors: ErrorShape = {
  body: (error) => ({ error: errorBody(error) }),
  headers: () => [],
};

/** What a client sees of an error: its public half. */
export function errorBody(error: FlotillaError): ErrorBody {
  return {
    message: error.message,
    type: error.row.type,
    param: error.details.param || null,
    code: error.code,
  };
}

/** Milliseconds of a limit that a client may sit out; a day's, a month's or a budget is no matter for a retry. */
const longestWaitMs = 60_000;

/** Milliseconds after which an overloaded or restarting platform is worth another try. */
const defaultRetryMs = 1_000;

/**
 * The headers that tell a client what to do about an error, as a flat list of names and values. Official SDKs obey
 * `x-should-retry` and `retry-after-ms` before their own judgement.
 */
export function errorHeaders(error: FlotillaError): string[] {
  const { http, retry } = error.row;
  const { retryAfterMs } = error.details;
  // Nor is a limit worth a retry that never frees for a request of this size.
  const again = retry && (http !== 429 || (retryAfterMs !== undefined && retryAfterMs <= longestWaitMs));
  const headers = ['x-should-retry', again ? 'true' : 'false'];
  if (http === 401) headers.push('www-authenticate', 'Bearer realm="flotilla"');
  const waitMs = retryAfterMs ?? (http === 503 && again ? defaultRetryMs : undefined);
  if (waitMs !== undefined) {
    headers.push(
      'retry-after',
      String(Math.max(1, Math.ceil(waitMs / 1_000))),
      'retry-after-ms',
      String(Math.ceil(waitMs)),
    );
  }
  return headers;
}
