import type { RolloutSpec } from '../models/model-spec.ts';
import type { Outcomes } from '../models/world.ts';

export type Verdict =
  | { readonly kind: 'worse'; readonly words: string }
  | { readonly kind: 'as good'; readonly words: string }
  | { readonly kind: 'too few'; readonly words: string };

/** One-sided normal quantiles: 95 % at the end, 99.5 % while it is watched, as it is looked at each second. */
const sure = { atEnd: 1.645, early: 2.576 };
/** Fewer answers of the old version say nothing of its times. */
const leastOfOld = 20;

/**
 * Whether a new version is worse than the old over the same time. A difference counts when it is larger than allowed by more
 * than chance: few requests must neither let a bad version through for want of proof in the large, nor fail a good one for one
 * slow answer. Errors: lower limit of the difference of two shares (Newcombe 1998). Times: were the new p95 within its limit,
 * a twentieth of its answers would be above it; lower limit of that share (Wilson 1927).
 */
export function judged(fresh: Outcomes, old: Outcomes, canary: RolloutSpec['canary'], atEnd: boolean): Verdict {
  const { maxErrorShare, maxTtftRatio, minRequests } = canary;
  const requests = fresh.answered + fresh.failed;
  const z = atEnd ? sure.atEnd : sure.early;
  const [errors, oldErrors] = [fresh, old].map(({ answered, failed }) => failed / Math.max(1, answered + failed));
  if (differenceAtLeast(fresh, old, z) > maxErrorShare) {
    return {
      kind: 'worse',
      words: `errors ${percent(errors!)} of ${requests}, the old version ${percent(oldErrors!)}`,
    };
  }
  const [p95, oldP95] = [quantile(fresh.ttftMs, 0.95), quantile(old.ttftMs, 0.95)];
  if (old.ttftMs.length >= leastOfOld) {
    const slow = fresh.ttftMs.filter((ms) => ms > oldP95 * maxTtftRatio).length;
    if (wilson(slow, fresh.ttftMs.length, z).low > 0.05) {
      return { kind: 'worse', words: `p95 to the first token ${figure(p95)}, the old version ${figure(oldP95)}` };
    }
  }
  if (requests < minRequests) return { kind: 'too few', words: `${requests} of ${minRequests} requests` };
  const said = `${requests} requests, errors ${percent(errors!)}, p95 to the first token ${figure(p95)}`;
  return { kind: 'as good', words: said };
}

/** Lower limit of what the share of errors is higher by. */
function differenceAtLeast(fresh: Outcomes, old: Outcomes, z: number): number {
  const [a, b] = [fresh, old].map(({ answered, failed }) => ({
    share: failed / Math.max(1, answered + failed),
    failed,
    all: answered + failed,
  }));
  // An old version that answered nothing is no excuse: it is taken to make no errors.
  const [own, other] = [wilson(a!.failed, a!.all, z), b!.all > 0 ? wilson(b!.failed, b!.all, z) : { low: 0, high: 0 }];
  return a!.share - b!.share - Math.hypot(a!.share - own.low, other.high - b!.share);
}

function wilson(hits: number, all: number, z: number): { low: number; high: number } {
  if (all === 0) return { low: 0, high: 1 };
  const share = hits / all;
  const square = z ** 2 / all;
  const middle = share + square / 2;
  const half = z * Math.sqrt((share * (1 - share)) / all + square / (4 * all));
  return { low: (middle - half) / (1 + square), high: (middle + half) / (1 + square) };
}

function quantile(values: readonly number[], share: number): number {
  const ascending = values.toSorted((a, b) => a - b);
  return ascending[Math.min(ascending.length - 1, Math.floor(ascending.length * share))] ?? 0;
}

const percent = (share: number) => `${Number((100 * share).toFixed(1))} %`;
const figure = (ms: number) => (ms >= 1_000 ? `${(ms / 1_000).toFixed(1)} s` : `${Math.round(ms)} ms`);
