import type { EngineLoad } from './engine-view.ts';

/** A sample: name, labels if any, value. */
const sample = /^vllm:(\w+)(\{[^}]*\})? (\S+)/gm;

export interface EngineMetrics {
  load: EngineLoad | undefined;
  asleep: boolean;
}

/**
 * The load in vLLM's metrics, by name with labels optional: simulators and versions differ in them. Several engine cores
 * of one server are added up; of the cache the fullest counts. `gpu_cache_usage_perc` is what it was called before 0.9.
 */
export function readEngineMetrics(text: string): EngineMetrics {
  let [running, waiting, kvCacheUsage, asleep] = [undefined as number | undefined, 0, 0, false];
  for (const [, name, labels, number] of text.matchAll(sample)) {
    const value = Number(number);
    if (!Number.isFinite(value)) continue;
    if (name === 'num_requests_running') running = (running ?? 0) + value;
    else if (name === 'num_requests_waiting') waiting += value;
    else if (name === 'kv_cache_usage_perc' || name === 'gpu_cache_usage_perc') {
      kvCacheUsage = Math.max(kvCacheUsage, value);
    } else if (name === 'engine_sleep_state' && labels?.includes('"awake"')) asleep = value === 0;
  }
  return { load: running === undefined ? undefined : { running, waiting, kvCacheUsage }, asleep };
}
