import { describe, expect, it } from '@jest/globals';
import { readEngineMetrics } from './metrics-text.ts';

const busy = 'vllm:num_requests_running{model_name="m",engine="0"} 3\nvllm:num_requests_waiting 1\n';
const adapters = (running: string, waiting: string, at: number) =>
  `vllm:lora_requests_info{max_lora="4",waiting_lora_adapters="${waiting}",running_lora_adapters="${running}"} ${at}\n`;

describe('the load of an engine', () => {
  it('tells the adapters of the newest series: older ones stay in the text for ever', () => {
    const text = busy + adapters('old', '', 10) + adapters('sql, chat', 'law', 30) + adapters('', 'old', 20);
    expect(readEngineMetrics(text).load).toEqual({
      ...{ running: 3, waiting: 1, kvCacheUsage: 0 },
      ...{ runningAdapters: ['sql', 'chat'], waitingAdapters: ['law'], maxAdapters: 4 },
    });
  });

  it('adds up the cores of one server, and counts what they read and wrote', () => {
    const core = (engine: number, running: number, tokens: number, cache: number) =>
      `vllm:num_requests_running{model_name="m {1}",engine="${engine}"} ${running}\n` +
      `vllm:prompt_tokens_total{engine="${engine}"} ${tokens}\n` +
      `vllm:prompt_tokens_by_source_total{engine="${engine}"} 7\n` +
      `vllm:generation_tokens_total{engine="${engine}"} 1.5e+03\n` +
      `vllm:kv_cache_usage_perc{engine="${engine}"} ${cache}\n`;
    const { asleep: _, ...told } = readEngineMetrics(core(0, 2, 40, 0.5) + core(1, 3, 2, 0.25));
    expect(told).toEqual({
      ...{ model: 'm {1}', sleepLevel: undefined },
      load: { running: 5, waiting: 0, kvCacheUsage: 0.5 },
      ...{ promptTokens: 42, generatedTokens: 3_000 },
    });
  });

  it.each([
    ['awake', 0, false],
    ['weights_offloaded', 1, true],
    ['discard_all', 2, true],
  ])('tells how deep it sleeps: %s', (held, sleepLevel, asleep) => {
    const states = ['awake', 'weights_offloaded', 'discard_all'];
    const text = states.map((state) => `vllm:engine_sleep_state{sleep_state="${state}"} ${state === held ? 1 : 0}\n`);
    expect(readEngineMetrics(busy + text.join(''))).toMatchObject({ sleepLevel, asleep });
  });

  it('takes half a line or one that is no sample for nothing', () => {
    const text =
      'vllm:num_requests_running\nvllm:num_requests_waiting{engine="0"\nvllm:kv_cache_usage_perc{} NaN\nvllm:';
    expect(readEngineMetrics(text)).toMatchObject({ load: undefined, sleepLevel: undefined, promptTokens: undefined });
  });

  it('says nothing of adapters where the engine does not', () => {
    expect(readEngineMetrics(busy).load).toEqual({ running: 3, waiting: 1, kvCacheUsage: 0 });
  });
});
