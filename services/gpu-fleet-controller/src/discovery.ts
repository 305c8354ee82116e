import {
  providerUrl,
  readVariable,
  systemClock,
  type Clock,
  type Environment,
  type ProviderConfig,
} from '@flotilla/kernel';
import { deadlineSignal } from './deadline-signal.ts';
import { createHttpProbe } from './probe.http.ts';
import type { Probe } from './probe.ts';

/** Providers on the internet that a key in the environment gives. */
const byKey: readonly ProviderConfig[] = [
  { name: 'openrouter', kind: 'openrouter', api_key_env: 'OPENROUTER_API_KEY' },
  { name: 'openai', kind: 'openai', api_key_env: 'OPENAI_API_KEY' },
];

/** Engines at the address they have when nobody gave them another. */
const onThisMachine: readonly ProviderConfig[] = [
  { name: 'ollama', kind: 'ollama', base_url: 'http://127.0.0.1:11434' },
  { name: 'vllm', kind: 'vllm', base_url: 'http://127.0.0.1:8000/v1' },
];

/** What an engine on this machine may take to say that it is there, milliseconds. */
const lookMs = 500;

export interface DiscoveryOptions {
  probe?: Probe;
  clock?: Clock;
  /** Engines to look for. Default: Ollama on 11434 and vLLM on 8000 of this machine. */
  local?: readonly ProviderConfig[];
}

/**
 * The providers one could use without a configuration, best known first: those with a key in the environment, then engines
 * that answer on this machine and have a model. What answers in another way on their ports is not taken for one.
 */
export async function discoverProviders(env: Environment, options: DiscoveryOptions = {}): Promise<ProviderConfig[]> {
  const { clock = systemClock, local = onThisMachine } = options;
  const http = options.probe ? undefined : createHttpProbe();
  const probe = options.probe ?? http!.probe;
  const answers = async (provider: ProviderConfig) => {
    const deadline = deadlineSignal(clock, lookMs);
    try {
      const target = { kind: provider.kind, baseUrl: providerUrl(provider), apiKey: undefined };
      return ((await probe(target, deadline.signal)).models?.length ?? 0) > 0;
    } catch {
      return false;
    } finally {
      deadline.clear();
    }
  };
  try {
    const here = await Promise.all(local.map(answers));
    const withKey = byKey.filter(({ api_key_env: variable }) => readVariable(variable!, env) !== undefined);
    return [...withKey, ...local.filter((_, index) => here[index])];
  } finally {
    await http?.close();
  }
}
