import { histogram } from '@flotilla/telemetry';

const duration = histogram({
  name: 'flotilla_rpc_duration_seconds',
  description: 'Duration of calls between services, by method, side (client or server) and code',
  unit: 's',
  buckets: [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
});

/** Observes every call of a network. `code` is `ok` or a code of the table of errors. */
export function rpcMetrics() {
  return {
    onCall(method: string, side: 'client' | 'server', code: string, seconds: number) {
      duration.record(seconds, { method, side, code });
    },
  };
}
