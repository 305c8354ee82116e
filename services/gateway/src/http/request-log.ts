import {
  counter,
  gauge,
  histogram,
  llmSeconds,
  logger,
  withTraceparent,
  type BoundCounter,
  type BoundHistogram,
} from '@flotilla/telemetry';
import type { Exchange } from './exchange.ts';

const log = logger('gateway.access');

const requests = counter({
  name: 'flotilla_gateway_http_requests_total',
  description: 'Public requests by route, method and status; 499: the client left',
  unit: '{request}',
  maxSeries: 2_000,
});
const durations = histogram({
  name: 'flotilla_gateway_http_request_duration_seconds',
  description: 'From the first header to the last byte, streams included',
  unit: 's',
  buckets: llmSeconds,
});
const inFlight = gauge({
  name: 'flotilla_gateway_http_requests_in_flight',
  description: 'Public requests under way',
  unit: '{request}',
}).bind({});

interface Series {
  readonly count: BoundCounter;
  readonly duration: BoundHistogram;
}

/** Counts every public request and, when asked to, logs it: route, status, time and ids, never a body or a key. */
export class RequestLog {
  /** Bounded by the table of routes times the statuses of the table of errors. */
  readonly #series = new Map<string, Series>();

  constructor(private readonly lines: boolean) {}

  began(): void {
    inFlight.add(1);
  }

  ended(exchange: Exchange, method: string, route: string, status: number, ms: number): void {
    inFlight.add(-1);
    const key = `${method} ${route} ${status}`;
    let series = this.#series.get(key);
    if (!series) {
      const labels = { method, route, status: String(status) };
      series = { count: requests.bind(labels), duration: durations.bind({ method, route }) };
      this.#series.set(key, series);
    }
    series.count.add(1);
    series.duration.record(ms / 1_000);
    if (!this.lines) return;
    const { id, publicId, identity, client, forwardedTo, code, traceparent } = exchange;
    const fields = {
      request_id: id,
      ...{ method, route, status, ms: Math.round(ms * 10) / 10 },
      ...(publicId !== id && { client_request_id: publicId }),
      ...(identity.keyId !== '' && { org_id: identity.orgId, key_id: identity.keyId }),
      ...(client !== '' && { client }),
      ...(forwardedTo !== '' && { forwarded_to: forwardedTo }),
      ...(code !== '' && { code }),
    };
    // The connection's events run outside of the request's context.
    if (traceparent === undefined) log.info('request', fields);
    else withTraceparent(traceparent, () => log.info('request', fields));
  }
}
