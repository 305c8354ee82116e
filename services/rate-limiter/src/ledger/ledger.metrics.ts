import { counter, histogram, rpcSeconds } from '@flotilla/telemetry';
import type { Written } from './record-write.ts';

const records = counter({
  name: 'flotilla_ledger_records_total',
  description:
    'Records of usage by outcome: new, repeated (written before, nothing changed), dropped (it names nobody)',
  unit: '{record}',
});
const recorded = {
  new: records.bind({ outcome: 'new' }),
  repeated: records.bind({ outcome: 'repeated' }),
  dropped: records.bind({ outcome: 'dropped' }),
};
const tokens = counter({
  name: 'flotilla_ledger_tokens_total',
  description: 'Tokens written to the ledger, by type; cached ones are part of the prompt',
  unit: '{token}',
});
const written = {
  prompt: tokens.bind({ type: 'prompt' }),
  completion: tokens.bind({ type: 'completion' }),
  cached: tokens.bind({ type: 'cached' }),
};
const cost = counter({
  name: 'flotilla_ledger_cost_usd_total',
  description: 'What the requests in the ledger cost by the prices of their models',
  unit: 'USD',
}).bind({});
const writes = histogram({
  name: 'flotilla_ledger_write_duration_seconds',
  description: 'What writing the records of one event takes, by outcome',
  unit: 's',
  buckets: rpcSeconds,
});
const writeSeconds = { ok: writes.bind({ outcome: 'ok' }), failed: writes.bind({ outcome: 'failed' }) };
const lag = histogram({
  name: 'flotilla_ledger_lag_seconds',
  description: 'From the end of a request until the ledger has it',
  unit: 's',
  buckets: [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1_800, 7_200, 86_400, 604_800],
}).bind({});
const swept = counter({
  name: 'flotilla_ledger_swept_total',
  description: 'Rows of the quota log that were let go of for their age',
  unit: '{row}',
}).bind({});

export const ledgerMetrics = {
  recorded(sums: Written, of: number): void {
    recorded.new.add(sums.requests);
    recorded.repeated.add(of - sums.requests);
    for (const type of ['prompt', 'completion', 'cached'] as const) written[type].add(sums[type]);
    cost.add(sums.cost_micros / 1e6);
  },
  dropped: (count: number) => recorded.dropped.add(count),
  wrote: (outcome: 'ok' | 'failed', ms: number) => writeSeconds[outcome].record(ms / 1_000),
  lagged: (ms: number) => lag.record(Math.max(0, ms) / 1_000),
  swept: (rows: number) => swept.add(rows),
};
