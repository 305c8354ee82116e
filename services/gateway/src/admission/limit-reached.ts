import type { limits } from '@flotilla/contracts';
import { FlotillaError } from '@flotilla/kernel';

/** What a refusal says, whoever decided it. */
export type Refusal = Pick<limits.ReserveResponse, 'refusedBy' | 'refusedScope' | 'retryAfterMs' | 'limits'>;

/** A refusal by a limit, with the state of every limit. */
export class LimitReached extends FlotillaError {
  readonly limits: readonly limits.LimitState[];

  /** `tokens`: what the request needs, prompt and answer. */
  constructor(refusal: Refusal, tokens: number) {
    const retryAfterMs = refusal.retryAfterMs > 0 ? refusal.retryAfterMs : undefined;
    super('rate_limit_exceeded', explain(refusal, tokens), { details: { retryAfterMs } });
    this.limits = refusal.limits;
  }
}

const owners: Readonly<Record<string, string>> = {
  key: 'this API key',
  user: 'this user',
  org: 'this organisation',
};

function explain({ limits, refusedBy, refusedScope, retryAfterMs }: Refusal, tokens: number): string {
  const limit = limits.find(({ name, scope }) => name === refusedBy && (scope === refusedScope || refusedScope === ''));
  const owner = owners[refusedScope];
  const reached = `The limit of ${named(refusedBy, limit)}${owner ? ` for ${owner}` : ''} was reached.`;
  const needs = refusedBy.startsWith('tokens') ? ` This request needs about ${tokens}.` : '';
  const frees =
    retryAfterMs > 0
      ? ` A request of this size can pass in ${duration(retryAfterMs)}.`
      : ' A request of this size can never pass: ask for fewer tokens, or for a higher limit.';
  return reached + needs + frees;
}

/** `60 requests per minute (0 left)`, `5.00 USD per month (0.12 left)`. */
function named(name: string, limit: limits.LimitState | undefined): string {
  const budget = name.startsWith('budget_micros');
  const words = (budget ? name.replace('budget_micros', 'USD') : name).replaceAll('_', ' ') || 'requests';
  if (!limit) return words;
  const amount = (value: number) => (budget ? (value / 1e6).toFixed(2) : String(Math.max(0, Math.floor(value))));
  return `${amount(limit.limit)} ${words} (${amount(limit.remaining)} left)`;
}

/** `0.4 s`, `35 s`, `5 min`, `3 h 20 min`, `12 days`: never sooner than it is. */
function duration(ms: number): string {
  if (ms < 10_000) return `${(Math.ceil(ms / 100) / 10).toFixed(1)} s`;
  if (ms < 120_000) return `${Math.ceil(ms / 1_000)} s`;
  const minutes = Math.ceil(ms / 60_000);
  if (minutes < 60) return `${minutes} min`;
  if (minutes < 48 * 60) return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
  return `${Math.ceil(minutes / 1_440)} days`;
}
