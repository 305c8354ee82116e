import { counter, histogram, llmSeconds, rpcSeconds } from '@flotilla/telemetry';

export const probeSeconds = histogram({
  name: 'flotilla_fleet_pod_probe_duration_seconds',
  description: 'What a probe of an engine in a pod took, by outcome.',
  unit: 's',
  buckets: rpcSeconds,
});

export const drainSeconds = histogram({
  name: 'flotilla_fleet_drain_duration_seconds',
  description: 'From when a replica was put out of use until nothing ran on it, by outcome.',
  unit: 's',
  buckets: llmSeconds,
});

export const sleepSeconds = histogram({
  name: 'flotilla_fleet_sleep_duration_seconds',
  description: 'What sending a replica to sleep or waking it took, by order, level and outcome.',
  unit: 's',
  buckets: llmSeconds,
});

export const adapterOrders = counter({
  name: 'flotilla_fleet_adapter_orders_total',
  description: 'Loads and unloads of LoRA adapters, by order and outcome.',
});
