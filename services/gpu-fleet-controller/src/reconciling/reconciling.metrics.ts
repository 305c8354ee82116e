import { counter, gauge, histogram, rpcSeconds } from '@flotilla/telemetry';

export const reconcileSeconds = histogram({
  name: 'flotilla_fleet_reconcile_duration_seconds',
  description: 'Looking at one Model and acting on it, by outcome.',
  unit: 's',
  buckets: rpcSeconds,
});

export const appliesTotal = counter({
  name: 'flotilla_fleet_applies_total',
  description: 'Objects made, mended, scaled or removed, by kind and action.',
});

export const rendersTotal = counter({
  name: 'flotilla_fleet_renders_total',
  description: 'Runs of helm for a chart of engines, by outcome.',
});

export const modelsByPhase = gauge({
  name: 'flotilla_fleet_models',
  description: 'Models by phase.',
  unit: '1',
});

export const modelReplicas = gauge({
  name: 'flotilla_fleet_replicas',
  description: 'Replicas of a Model by what they are: wanted, there, ready, asleep.',
  unit: '1',
  maxSeries: 2_000,
});
