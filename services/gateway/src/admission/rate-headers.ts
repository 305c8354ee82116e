import type { limits } from '@flotilla/contracts';

/** `12ms`, `1.5s`, `1m30s`, `2h5m0s`: how OpenAI writes the resets of its limits. */
export function formatReset(ms: number): string {
  if (ms < 1_000) return `${Math.ceil(ms)}ms`;
  const seconds = Math.ceil(ms / 100) / 10;
  if (seconds < 60) return `${seconds}s`;
  const whole = Math.ceil(ms / 1_000);
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return `${minutes}m${whole % 60}s`;
  return `${Math.floor(minutes / 60)}h${minutes % 60}m${whole % 60}s`;
}

/**
 * The headers of limits as a flat list of names and values: OpenAI's `x-ratelimit-*`, where the tighter limit of a kind
 * wins, and the IETF draft's `RateLimit-Policy` and `RateLimit` (draft-ietf-httpapi-ratelimit-headers-10), which list all.
 */
export function rateHeaders(states: readonly limits.LimitState[]): string[] {
  const headers: string[] = [];
  for (const kind of ['requests', 'tokens'] as const) {
    let tightest: limits.LimitState | undefined;
    for (const state of states) {
      if (!state.name.startsWith(kind)) continue;
      if (!tightest || state.remaining / state.limit < tightest.remaining / tightest.limit) tightest = state;
    }
    if (!tightest) continue;
    headers.push(
      `x-ratelimit-limit-${kind}`,
      String(tightest.limit),
      `x-ratelimit-remaining-${kind}`,
      String(left(tightest)),
      `x-ratelimit-reset-${kind}`,
      formatReset(tightest.resetMs),
    );
  }
  if (states.length > 0) headers.push('RateLimit-Policy', policies(states), 'RateLimit', remainders(states));
  return headers;
}

const shortNames: Readonly<Record<string, string>> = {
  requests_per_minute: 'rpm',
  requests_per_day: 'rpd',
  tokens_per_minute: 'tpm',
  tokens_per_week: 'tpw',
  tokens_per_month: 'tokens-per-month',
  concurrent_requests: 'concurrent',
  budget_micros_per_month: 'budget-micros',
};

/** A key's limits go by their short name; those of its user and organisation say whose they are. */
function policyName({ name, scope }: limits.LimitState): string {
  const short = shortNames[name] ?? name;
  return scope === 'key' || scope === '' ? short : `${scope}-${short}`;
}

/** `"rpm";q=100;w=60`: seconds. What runs at once has no window. */
function policies(states: readonly limits.LimitState[]): string {
  let text = '';
  for (const state of states) {
    const window = state.windowMs > 0 ? `;w=${Math.round(state.windowMs / 1_000)}` : '';
    text += `${text && ', '}"${policyName(state)}";q=${Math.floor(state.limit)}${window}`;
  }
  return text;
}

/** `"rpm";r=50;t=30`: seconds until all of it is there again. */
function remainders(states: readonly limits.LimitState[]): string {
  let text = '';
  for (const state of states) {
    const reset = state.windowMs > 0 ? `;t=${Math.ceil(state.resetMs / 1_000)}` : '';
    text += `${text && ', '}"${policyName(state)}";r=${left(state)}${reset}`;
  }
  return text;
}

function left({ remaining }: limits.LimitState): number {
  return Math.max(0, Math.floor(remaining));
}
