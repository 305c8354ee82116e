import { Histogram } from './histogram.ts';

// The bounds of vLLM (v1/metrics/loggers.py), so that a dashboard's quantiles behave the same. Seconds and tokens.
const ttftBounds = [
  0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 20, 40, 80, 160,
];
const tokenGapBounds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 2.5, 5];
const requestBounds = [0.01, 0.05, 0.1, 0.3, 0.5, 0.8, 1, 1.5, 2, 2.5, 5, 10, 15, 20, 30, 40, 50, 60, 120, 240, 480];
const tokenBounds = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000];

export const finishReasons = ['stop', 'length', 'abort', 'error'] as const;
export type FinishReason = (typeof finishReasons)[number];

/** What the engine is doing at the moment of a scrape. */
export interface EngineGauges {
  running: number;
  waiting: number;
  kvCacheUsage: number;
  sleepLevel: 0 | 1 | 2;
  blockSize: number;
  numGpuBlocks: number;
  maxLoras: number;
  runningAdapters: readonly string[];
  waitingAdapters: readonly string[];
  /** Wall time, seconds. */
  now: number;
}

/** The counters and histograms of vLLM, by its names. */
export class EngineMetrics {
  prefixCacheQueries = 0;
  prefixCacheHits = 0;
  preemptions = 0;
  promptTokens = 0;
  generationTokens = 0;
  readonly finished: Record<FinishReason, number> = { stop: 0, length: 0, abort: 0, error: 0 };
  readonly timeToFirstToken = new Histogram(ttftBounds);
  readonly interTokenLatency = new Histogram(tokenGapBounds);
  readonly endToEnd = new Histogram(requestBounds);
  readonly queueTime = new Histogram(requestBounds);
  readonly prefillTime = new Histogram(requestBounds);
  readonly decodeTime = new Histogram(requestBounds);
  readonly requestPromptTokens = new Histogram(tokenBounds);
  readonly requestGenerationTokens = new Histogram(tokenBounds);

  /** The text of /metrics. */
  render(model: string, gauges: EngineGauges): string {
    const labels = `model_name="${escapeLabel(model)}",engine="0"`;
    const lines: string[] = [];
    const add = (kind: string, name: string, help: string, values: readonly [string, number][]) => {
      lines.push(`# HELP vllm:${name} ${help}`, `# TYPE vllm:${name} ${kind}`);
      for (const [extra, value] of values) lines.push(`vllm:${name}{${labels}${extra}} ${value}`);
    };
    add('gauge', 'num_requests_running', 'Number of requests in model execution batches.', [['', gauges.running]]);
    add('gauge', 'num_requests_waiting', 'Number of requests waiting to be processed.', [['', gauges.waiting]]);
    add('gauge', 'kv_cache_usage_perc', 'KV-cache usage. 1 means 100 percent usage.', [['', gauges.kvCacheUsage]]);
    add('gauge', 'engine_sleep_state', 'Engine sleep state.', [
      [',sleep_state="awake"', gauges.sleepLevel === 0 ? 1 : 0],
      [',sleep_state="weights_offloaded"', gauges.sleepLevel === 1 ? 1 : 0],
      [',sleep_state="discard_all"', gauges.sleepLevel === 2 ? 1 : 0],
    ]);
    const adapters = `,max_lora="${gauges.maxLoras}",waiting_lora_adapters="${gauges.waitingAdapters.join(',')}",running_lora_adapters="${gauges.runningAdapters.join(',')}"`;
    add('gauge', 'lora_requests_info', 'Running stats on lora requests.', [[adapters, gauges.now]]);
    const cache = `,block_size="${gauges.blockSize}",num_gpu_blocks="${gauges.numGpuBlocks}"`;
    add('gauge', 'cache_config_info', 'Information of the LLMEngine CacheConfig.', [[cache, 1]]);
    add('counter', 'prefix_cache_queries_total', 'Prefix cache queries, in tokens.', [['', this.prefixCacheQueries]]);
    add('counter', 'prefix_cache_hits_total', 'Prefix cache hits, in tokens.', [['', this.prefixCacheHits]]);
    add('counter', 'num_preemptions_total', 'Preemptions of the engine.', [['', this.preemptions]]);
    add('counter', 'prompt_tokens_total', 'Prefill tokens processed.', [['', this.promptTokens]]);
    add('counter', 'generation_tokens_total', 'Generation tokens processed.', [['', this.generationTokens]]);
    const reasons = finishReasons.map((reason): [string, number] => [
      `,finished_reason="${reason}"`,
      this.finished[reason],
    ]);
    add('counter', 'request_success_total', 'Requests processed, by how they finished.', reasons);
    let text = `${lines.join('\n')}\n`;
    const histograms: [string, string, Histogram][] = [
      ['time_to_first_token_seconds', 'Time to first token.', this.timeToFirstToken],
      ['inter_token_latency_seconds', 'Time between tokens.', this.interTokenLatency],
      ['e2e_request_latency_seconds', 'Latency of a request from end to end.', this.endToEnd],
      ['request_queue_time_seconds', 'Time in the WAITING phase.', this.queueTime],
      ['request_prefill_time_seconds', 'Time in the PREFILL phase.', this.prefillTime],
      ['request_decode_time_seconds', 'Time in the DECODE phase.', this.decodeTime],
      ['request_prompt_tokens', 'Prefill tokens of a request.', this.requestPromptTokens],
      ['request_generation_tokens', 'Generation tokens of a request.', this.requestGenerationTokens],
    ];
    for (const [name, help, histogram] of histograms) {
      text += `# HELP vllm:${name} ${help}\n# TYPE vllm:${name} histogram\n${histogram.render(`vllm:${name}`, labels)}`;
    }
    return text;
  }
}

function escapeLabel(value: string): string {
  return value
    .replaceAll('\\', '\\\\')
    .replaceAll('"', String.raw`\"`)
    .replaceAll('\n', String.raw`\n`);
}
