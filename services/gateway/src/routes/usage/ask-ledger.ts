import type { limits } from '@flotilla/contracts';
import { FlotillaError, toFlotillaError } from '@flotilla/kernel';
import type { Edge } from '../../http/edge.ts';

/** Milliseconds the ledger may take to sum up: it reads one row for each day, model and key. */
const timeoutMs = 10_000;

/** Asks the limiter's ledger. Throws `unavailable` when it cannot say. */
export async function askLedger(
  { limiter }: Edge,
  request: limits.GetUsageRequest,
  signal: AbortSignal,
): Promise<limits.GetUsageResponse> {
  try {
    return await limiter.getUsage(request, { timeoutMs, signal });
  } catch (cause) {
    if (toFlotillaError(cause).code === 'cancelled') throw cause;
    throw new FlotillaError('unavailable', 'Usage cannot be read right now. What is used meanwhile is not lost.', {
      cause,
    });
  }
}
