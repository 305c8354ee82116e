const limits = ['limit', 'remaining', 'reset'].flatMap((what) => [
  `x-ratelimit-${what}-requests`,
  `x-ratelimit-${what}-tokens`,
]);

const anthropicLimits = ['requests', 'tokens'].flatMap((kind) =>
  ['limit', 'remaining', 'reset'].map((what) => `anthropic-ratelimit-${kind}-${what}`),
);

/** What scripts may read of an answer, beside what they always may. */
const exposed = [
  ...['x-request-id', 'request-id', 'openai-processing-ms', 'x-flotilla-region'],
  ...['retry-after', 'retry-after-ms', 'x-should-retry'],
  ...['ratelimit', 'ratelimit-policy', ...limits],
  ...['idempotent-replayed', 'x-flotilla-idempotency', ...anthropicLimits],
  ...['task', 'policy', 'reasons', 'experiment', 'cache', 'attempts'].map((name) => `x-flotilla-${name}`),
].join(', ');

/** Seconds a browser may remember a preflight; Chromium caps it at two hours. */
const preflightSeconds = '7200';

/**
 * The CORS headers for a request's origin, flat as names and values; none when no page may call. Where some origins may,
 * every answer says that it depends on the origin, or a cache would give one page's answer to another.
 * Credentials travel in headers that scripts set, never in cookies, so no origin gets `allow-credentials`.
 */
export function corsHeaders(origins: readonly string[], origin: string | undefined): string[] {
  if (origins.length === 0) return [];
  if (origins.includes('*')) {
    return origin === undefined ? [] : ['access-control-allow-origin', '*', 'access-control-expose-headers', exposed];
  }
  if (origin === undefined || !origins.includes(origin)) return ['vary', 'origin'];
  return ['vary', 'origin', 'access-control-allow-origin', origin, 'access-control-expose-headers', exposed];
}

/** What a preflight is told. `headers`: those the browser asks for; SDKs send a dozen of their own. */
export function preflightHeaders(headers: string | undefined): string[] {
  return [
    ...['access-control-allow-methods', 'GET, POST, PUT, PATCH, DELETE'],
    ...['access-control-allow-headers', headers ?? 'authorization, content-type'],
    ...['access-control-max-age', preflightSeconds],
  ];
}
