import type { EngineLoad } from './engine-view.ts';

/** A sample: name, labels if any, value. */
const sample = /^vllm:(\w+)(\{[^}]*\})? (\S+)/gm;

/** Names of adapters that are told of one engine; vLLM runs a handful at once. */
const maxAdapterNames = 256;

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
  let [adapters, adaptersAt] = [undefined as AdapterLoad | undefined, -1];
  for (const [, name, labels, number] of text.matchAll(sample)) {
    const value = Number(number);
    if (!Number.isFinite(value)) continue;
    if (name === 'num_requests_running') running = (running ?? 0) + value;
    else if (name === 'num_requests_waiting') waiting += value;
    else if (name === 'kv_cache_usage_perc' || name === 'gpu_cache_usage_perc') {
      kvCacheUsage = Math.max(kvCacheUsage, value);
    } else if (name === 'lora_requests_info' && labels && value > adaptersAt) {
      // A series for each combination there ever was; its value is when it last held.
      [adapters, adaptersAt] = [adapterLoad(labels), value];
    } else if (name === 'engine_sleep_state' && labels?.includes('"awake"')) asleep = value === 0;
  }
  return { load: running === undefined ? undefined : { running, waiting, kvCacheUsage, ...adapters }, asleep };
}

type AdapterLoad = Required<Pick<EngineLoad, 'runningAdapters' | 'waitingAdapters' | 'maxAdapters'>>;

function adapterLoad(labels: string): AdapterLoad {
  const label = (name: string) => new RegExp(`\\b${name}="([^"]*)"`).exec(labels)?.[1] ?? '';
  const names = (text: string) =>
    text
      .split(',')
      .map((one) => one.trim())
      .filter((one) => one !== '')
      .slice(0, maxAdapterNames);
  return {
    runningAdapters: names(label('running_lora_adapters')),
    waitingAdapters: names(label('waiting_lora_adapters')),
    maxAdapters: Number(label('max_lora')) || 0,
  };
}
