import { counter, histogram, rpcSeconds } from '@flotilla/telemetry';
import type { Decision } from './limit-store.ts';

const decisions = counter({
  name: 'flotilla_rate_limiter_decisions_total',
  description:
    'Reservations by outcome: allowed, failed, or the limit that refused, with the kind of its subject as scope',
  unit: '{decision}',
});
const allowed = decisions.bind({ outcome: 'allowed', scope: '' });
const failed = decisions.bind({ outcome: 'failed', scope: '' });

export function decided(outcome: Decision['refusedBy'] | 'failed'): void {
  if (outcome === undefined) allowed.add(1);
  else if (outcome === 'failed') failed.add(1);
  else decisions.bind({ outcome: outcome.dimension, scope: outcome.subject.kind }).add(1);
}

export const decisionSeconds = histogram({
  name: 'flotilla_rate_limiter_decision_duration_seconds',
  description: 'What a reservation takes, the store included',
  unit: 's',
  buckets: rpcSeconds,
}).bind({});

const settlements = counter({
  name: 'flotilla_rate_limiter_settlements_total',
  description: 'Settlements by outcome: settled, or repeated (settled before, nothing changed)',
  unit: '{settlement}',
});
const settlementsBy = {
  settled: settlements.bind({ outcome: 'settled' }),
  repeated: settlements.bind({ outcome: 'repeated' }),
};

export function settled(first: boolean): void {
  settlementsBy[first ? 'settled' : 'repeated'].add(1);
}

const leases = counter({
  name: 'flotilla_rate_limiter_leases_total',
  description:
    'Leases by outcome: granted, refused (nothing is left), returned, or late (returned after it was closed)',
  unit: '{lease}',
});
const leasesBy = {
  granted: leases.bind({ outcome: 'granted' }),
  refused: leases.bind({ outcome: 'refused' }),
  returned: leases.bind({ outcome: 'returned' }),
  late: leases.bind({ outcome: 'late' }),
};

export function leased(granted: boolean): void {
  leasesBy[granted ? 'granted' : 'refused'].add(1);
}

export function returned(first: boolean): void {
  leasesBy[first ? 'returned' : 'late'].add(1);
}

const seeds = counter({
  name: 'flotilla_rate_limiter_seeds_total',
  description:
    'Counters of days, weeks and months begun, by outcome: loaded from the ledger, or failed (they count from nothing)',
  unit: '{seed}',
});
const seedsBy = { loaded: seeds.bind({ outcome: 'loaded' }), failed: seeds.bind({ outcome: 'failed' }) };

export function seeded(outcome: 'loaded' | 'failed'): void {
  seedsBy[outcome].add(1);
}
