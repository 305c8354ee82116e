import { Agent, request } from 'undici';
import { readEngineMetrics } from './metrics-text.ts';
import { readAnthropicModels, readOllamaModels, readOpenaiModels } from './model-lists.ts';
import { readRunpodHealth } from './runpod-health.ts';
import { ProbeFailure, type Probe, type ProbeAnswer, type ProbeTarget } from './probe.ts';

/** Answers above this are not read: 16 MiB. A list of 500 models is about 0.5 MiB. */
const maxAnswerBytes = 16 * 1024 * 1024;

export interface HttpProbe {
  probe: Probe;
  close(): Promise<void>;
}

/** Probes over HTTP, on connections of its own, at most three to each engine. */
export function createHttpProbe(): HttpProbe {
  const agent = new Agent({ connections: 3, pipelining: 1, keepAliveTimeout: 10_000 });
  const get: Get = (url, target, signal) => fetchText(agent, url, credentials(target), signal);
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

interface Answer {
  status: number;
  text: string;
}
type Get = (url: string, target: ProbeTarget, signal: AbortSignal) => Promise<Answer>;

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

function modelsOf<T>({ status, text }: Answer, read: (value: unknown) => T | undefined): T | undefined {
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

async function fetchText(
  agent: Agent,
  url: string,
  headers: Record<string, string>,
  signal: AbortSignal,
): Promise<Answer> {
  try {
    const { statusCode, body } = await request(url, { dispatcher: agent, signal, headers });
    const parts: Buffer[] = [];
    let bytes = 0;
    for await (const part of body as AsyncIterable<Buffer>) {
      bytes += part.length;
      if (bytes > maxAnswerBytes) throw new ProbeFailure('its answer is too long');
      parts.push(part);
    }
    return { status: statusCode, text: Buffer.concat(parts).toString('utf8') };
  } catch (error) {
    if (error instanceof ProbeFailure) throw error;
    throw new ProbeFailure(reasonOf(error));
  }
}

const reasons: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens at its address',
  ECONNRESET: 'it broke the connection',
  UND_ERR_SOCKET: 'it broke the connection',
  ENOTFOUND: 'its host name is not known',
  EAI_AGAIN: 'its host name cannot be looked up now',
  EHOSTUNREACH: 'its host cannot be reached',
  ETIMEDOUT: 'it did not answer in time',
  UND_ERR_CONNECT_TIMEOUT: 'it did not answer in time',
};

function reasonOf(error: unknown): string {
  const { name, code } = (error ?? {}) as { name?: string; code?: string };
  if (name === 'TimeoutError' || name === 'AbortError') return 'it did not answer in time';
  return reasons[code ?? ''] ?? 'the connection failed';
}
