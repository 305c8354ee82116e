import { counter, gauge, histogram, llmSeconds, rpcSeconds } from '@flotilla/telemetry';

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

export const activationSeconds = histogram({
  name: 'flotilla_fleet_activation_duration_seconds',
  description: 'From the first request for a service until it answered or failed to, by service and outcome.',
  unit: 's',
  buckets: llmSeconds,
});

export const switches = counter({
  name: 'flotilla_fleet_switches_total',
  description: 'Services that made room for another at their address, by provider.',
});
