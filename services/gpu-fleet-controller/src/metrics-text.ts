import type { EngineLoad } from './engine-view.ts';

/** Names of adapters that are told of one engine; vLLM runs a handful at once. */
const maxAdapterNames = 256;

export interface EngineMetrics {
  /** The name it serves its model by. Undefined: it does not tell. */
  model: string | undefined;
  load: EngineLoad | undefined;
  asleep: boolean;
  /** vLLM's level of sleep, 0: awake. Undefined: it does not tell. */
  sleepLevel: 0 | 1 | 2 | undefined;
  /** Since its start. Undefined: it does not tell. */
  promptTokens: number | undefined;
  generatedTokens: number | undefined;
}

type Reader = (read: Reading, value: number, labels: string) => void;

/**
 * What is read, by name without `vllm:`, with labels optional: simulators and versions differ in them. Several engine cores
 * of one server are added up; of the cache the fullest counts. `gpu_cache_usage_perc` is what it was called before 0.9.
 */
const readers = new Map<string, Reader>([
  ['num_requests_running', readRunning],
  ['num_requests_waiting', (read, value) => void (read.waiting += value)],
  ['kv_cache_usage_perc', readCache],
  ['gpu_cache_usage_perc', readCache],
  ['lora_requests_info', readAdapters],
  ['engine_sleep_state', readSleep],
  ['prompt_tokens_total', (read, value) => void (read.promptTokens = (read.promptTokens ?? 0) + value)],
  ['generation_tokens_total', (read, value) => void (read.generatedTokens = (read.generatedTokens ?? 0) + value)],
]);

/** First letters and lengths of those names: nearly all lines are buckets of histograms, and are passed over by these alone. */
const beginnings = new Set([...readers.keys()].map((name) => name.charCodeAt(0)));
const lengths = new Set([...readers.keys()].map((name) => name.length));

class Reading {
  model: string | undefined;
  running: number | undefined;
  waiting = 0;
  kvCacheUsage = 0;
  awake: boolean | undefined;
  discarded = false;
  promptTokens: number | undefined;
  generatedTokens: number | undefined;
  adapters: AdapterLoad | undefined;
  adaptersAt = -1;
}

const prefix = 'vllm:';
const [letterV, brace, space] = [118, 123, 32];

/** What vLLM's metrics say, in one pass over the text. */
export function readEngineMetrics(text: string): EngineMetrics {
  const read = new Reading();
  for (let at = 0, end = 0; at < text.length; at = end + 1) {
    end = text.indexOf('\n', at);
    if (end < 0) end = text.length;
    if (text.charCodeAt(at) === letterV && beginnings.has(text.charCodeAt(at + prefix.length)))
      readLine(read, text, at, end);
  }
  const { model, running, waiting, kvCacheUsage, adapters, awake, promptTokens, generatedTokens } = read;
  const sleepLevel = awake === undefined ? undefined : awake ? 0 : read.discarded ? 2 : 1;
  return {
    model,
    load: running === undefined ? undefined : { running, waiting, kvCacheUsage, ...adapters },
    ...{ asleep: awake === false, sleepLevel, promptTokens, generatedTokens },
  };
}

function readLine(read: Reading, text: string, at: number, end: number): void {
  const begin = at + prefix.length;
  let stop = begin;
  for (let code = text.charCodeAt(stop); code !== brace && code !== space; code = text.charCodeAt(stop)) {
    stop += 1;
    if (stop >= end) return;
  }
  if (!lengths.has(stop - begin) || !text.startsWith(prefix, at)) return;
  const reader = readers.get(text.slice(begin, stop));
  if (!reader) return;
  // A label may hold a blank or a brace: the labels end with the last brace, the value stands behind it.
  const close = text.charCodeAt(stop) === brace ? text.lastIndexOf('}', end) : stop - 1;
  const value = Number.parseFloat(text.slice(close + 1, end));
  if (close >= stop - 1 && Number.isFinite(value)) reader(read, value, text.slice(stop, close + 1));
}

function readRunning(read: Reading, value: number, labels: string): void {
  read.running = (read.running ?? 0) + value;
  read.model ??= label(labels, 'model_name') || undefined;
}

function readCache(read: Reading, value: number): void {
  read.kvCacheUsage = Math.max(read.kvCacheUsage, value);
}

/** A series for each state; 1 marks the one that holds. */
function readSleep(read: Reading, value: number, labels: string): void {
  if (labels.includes('"awake"')) read.awake = value !== 0 && read.awake !== false;
  else if (labels.includes('"discard_all"')) read.discarded ||= value !== 0;
}

/** A series for each combination there ever was; its value is when it last held. */
function readAdapters(read: Reading, value: number, labels: string): void {
  if (labels === '' || value <= read.adaptersAt) return;
  [read.adapters, read.adaptersAt] = [adapterLoad(labels), value];
}

type AdapterLoad = Required<Pick<EngineLoad, 'runningAdapters' | 'waitingAdapters' | 'maxAdapters'>>;

function adapterLoad(labels: string): AdapterLoad {
  return {
    runningAdapters: names(label(labels, 'running_lora_adapters')),
    waitingAdapters: names(label(labels, 'waiting_lora_adapters')),
    maxAdapters: Number(label(labels, 'max_lora')) || 0,
  };
}

function label(labels: string, name: string): string {
  const begin = labels.indexOf(`${name}="`);
  if (begin < 0) return '';
  const from = begin + name.length + 2;
  const to = labels.indexOf('"', from);
  return to < 0 ? '' : labels.slice(from, to);
}

function names(text: string): string[] {
  if (text === '') return [];
  const trimmed = text.split(',', maxAdapterNames).map((one) => one.trim());
  return trimmed.filter((one) => one !== '');
}
