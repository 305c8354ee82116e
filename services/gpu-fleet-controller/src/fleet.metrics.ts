import { counter, gauge, histogram, rpcSeconds } from '@flotilla/telemetry';

export const enginesByState = gauge({
  name: 'flotilla_fleet_engines',
  description: 'Engines by state.',
  unit: '1',
});

export const probeSeconds = histogram({
  name: 'flotilla_fleet_probe_duration_seconds',
  description: 'What a probe of an engine took, by engine and outcome.',
  unit: 's',
  buckets: rpcSeconds,
});

export const processStarts = counter({
  name: 'flotilla_fleet_process_starts_total',
  description: 'Starts of local engine processes, by engine.',
});

export const processCrashes = counter({
  name: 'flotilla_fleet_process_crashes_total',
  description: 'Ends of local engine processes that nobody asked for, by engine.',
});
