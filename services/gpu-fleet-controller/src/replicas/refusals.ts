import { FlotillaError } from '@flotilla/kernel';

/** What a request is told that waits for a Model which will not start. */
export function cannotStart(scope: string, reason: string): FlotillaError {
  const text = `${scope} cannot start: ${reason.replace(/\.?$/, '.')} Somebody has to mend it; until then no request for it is answered.`;
  return new FlotillaError('engine_unavailable', text, { details: { retryAfterMs: 30_000 } });
}

/** And one that waits for an adapter which no replica of a Model loads. */
export function cannotLoad(scope: string, adapter: string, reason: string): FlotillaError {
  const text = `${adapter} of ${scope} cannot be loaded: ${reason}.`;
  return new FlotillaError('engine_unavailable', text, { details: { retryAfterMs: 30_000 } });
}

/** And one that waited for as long as the Model may take. `reasons`: why its replicas do not serve, empty ones left out. */
export function startedTooLate(scope: string, startMs: number, reasons: Iterable<string>): FlotillaError {
  const why = [...reasons].find((reason) => reason !== '') ?? 'there is no pod of it yet';
  const text = `${scope} did not start within ${Math.round(startMs / 1_000)} s (${why}).`;
  return new FlotillaError('err_model_start_timeout', text, { details: { retryAfterMs: 10_000 } });
}
