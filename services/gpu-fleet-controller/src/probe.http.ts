import { Agent } from 'undici';
import { askEngine, type EngineAnswer } from './engine-http.ts';
import { readEngineMetrics } from './metrics-text.ts';
import { readAnthropicModels, readOllamaModels, readOpenaiModels } from './model-lists.ts';
import { readRunpodHealth } from './runpod-health.ts';
import { ProbeFailure, type Probe, type ProbeAnswer, type ProbeTarget } from './probe.ts';

export interface HttpProbe {
  probe: Probe;
  close(): Promise<void>;
}

/** Probes over HTTP, on connections of its own, at most three to each engine. */
export function createHttpProbe(): HttpProbe {
  const agent = new Agent({ connections: 3, pipelining: 1, keepAliveTimeout: 10_000 });
  const get: Get = (url, target, signal) => askEngine(agent, url, { headers: credentials(target) }, signal);
  return {
    probe: async (target, signal) => {
      switch (target.kind) {
        case 'vllm':
          return probeVllm(get, target, signal);
        case 'ollama':
          return {
            models: modelsOf(await get(`${target.baseUrl}/api/tags`, target, signal), readOllamaModels),
            load: undefined,
          };
        case 'openai':
        case 'openrouter':
          return {
            models: modelsOf(await get(`${target.baseUrl}/models`, target, signal), readOpenaiModels),
            load: undefined,
          };
        case 'anthropic':
          return {
            models: modelsOf(await get(`${target.baseUrl}/models?limit=1000`, target, signal), readAnthropicModels),
            load: undefined,
          };
        case 'runpod':
          return probeRunpod(get, target, signal);
        default:
          return target.kind satisfies never;
      }
    },
    close: () => agent.close(),
  };
}

type Get = (url: string, target: ProbeTarget, signal: AbortSignal) => Promise<EngineAnswer>;

async function probeVllm(get: Get, target: ProbeTarget, signal: AbortSignal): Promise<ProbeAnswer> {
  const root = target.baseUrl.replace(/\/v1$/, '');
  const [health, models, metrics] = await Promise.all([
    get(`${root}/health`, target, signal),
    get(`${target.baseUrl}/models`, target, signal),
    get(`${root}/metrics`, target, signal).catch(() => undefined),
  ]);
  // Other servers that speak this API have no /health; then the list of models is the word that counts.
  if (health.status !== 404 && health.status >= 300) throw new ProbeFailure(`/health answers ${health.status}`);
  const { load, asleep } = readEngineMetrics(metrics?.status === 200 ? metrics.text : '');
  if (asleep) throw new ProbeFailure('it sleeps');
  return { models: modelsOf(models, readOpenaiModels), load };
}

/** Its health is told without starting a worker; a list of models is not, so none is asked for. */
async function probeRunpod(get: Get, target: ProbeTarget, signal: AbortSignal): Promise<ProbeAnswer> {
  const load = modelsOf(await get(`${target.baseUrl}/health`, target, signal), readRunpodHealth);
  return { models: load && [], load };
}

function credentials({ kind, apiKey }: ProbeTarget): Record<string, string> {
  if (kind === 'anthropic') return { 'anthropic-version': '2023-06-01', ...(apiKey && { 'x-api-key': apiKey }) };
  return apiKey ? { authorization: `Bearer ${apiKey}` } : {};
}

/** What a list of models says. Undefined: not now. Throws ProbeFailure when it is none. */
export function modelsOf<T>({ status, text }: EngineAnswer, read: (value: unknown) => T | undefined): T | undefined {
  // It is there and wants to be asked less often: what it served before still holds.
  if (status === 429) return undefined;
  if (status === 401 || status === 403) throw new ProbeFailure(`the API key is missing or was refused (${status})`);
  if (status !== 200) throw new ProbeFailure(`the list of models answers ${status}`);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new ProbeFailure('the list of models is not JSON');
  }
  const models = read(value);
  if (!models) throw new ProbeFailure('the list of models is not in the form of this kind of engine');
  return models;
}
