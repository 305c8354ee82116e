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

/** The `x-ratelimit-*` headers of OpenAI, as a flat list of names and values. The tighter limit of a kind wins. */
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
      String(tightest.remaining),
      `x-ratelimit-reset-${kind}`,
      formatReset(tightest.resetMs),
    );
  }
  return headers;
}
