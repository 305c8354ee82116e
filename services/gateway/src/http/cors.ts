const exposed = [
  'x-request-id',
  'openai-processing-ms',
  'retry-after',
  'retry-after-ms',
  'x-should-retry',
  ...['limit', 'remaining', 'reset'].flatMap((what) => [`x-ratelimit-${what}-requests`, `x-ratelimit-${what}-tokens`]),
].join(', ');

/** Seconds a browser may remember a preflight; Chromium caps it at two hours. */
const preflightSeconds = '7200';

/**
 * The CORS headers for a request's origin, flat as names and values; undefined when the origin may not read the answer.
 * Credentials travel in headers that scripts set, never in cookies, so no origin gets `allow-credentials`.
 */
export function corsHeaders(origins: readonly string[], origin: string | undefined): string[] | undefined {
  if (origin === undefined || origins.length === 0) return undefined;
  if (origins.includes('*')) return ['access-control-allow-origin', '*', 'access-control-expose-headers', exposed];
  if (!origins.includes(origin)) return undefined;
  return ['access-control-allow-origin', origin, 'vary', 'origin', 'access-control-expose-headers', exposed];
}

/** What a preflight is told. `headers`: those the browser asks for; SDKs send a dozen of their own. */
export function preflightHeaders(headers: string | undefined): string[] {
  return [
    ...['access-control-allow-methods', 'GET, POST, DELETE'],
    ...['access-control-allow-headers', headers ?? 'authorization, content-type'],
    ...['access-control-max-age', preflightSeconds],
  ];
}
