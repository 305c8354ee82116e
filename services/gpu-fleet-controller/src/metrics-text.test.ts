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

  it('says nothing of adapters where the engine does not', () => {
    expect(readEngineMetrics(busy).load).toEqual({ running: 3, waiting: 1, kvCacheUsage: 0 });
  });
});
