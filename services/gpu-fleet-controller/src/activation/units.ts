import {
  providerUrl,
  type OnDemandConfig,
  type PlatformFile,
  type ProviderConfig,
  type ServiceConfig,
} from '@flotilla/kernel';
import { logger } from '@flotilla/telemetry';
import { labelOf, type AutostartEntry } from './autostart-map.ts';
import type { EngineUnit, OnDemand } from './unit.ts';
import { vllmCommand, type VllmSettings } from './vllm-command.ts';

const log = logger('fleet');

export interface AutostartSettings extends VllmSettings {
  autostartEnabled: boolean;
  autostartMap?: readonly AutostartEntry[] | undefined;
  vllmPort: number;
  ollamaBaseUrl: string;
  startTimeoutMs: number;
  idleStopMs: number;
  minUpMs: number;
  drainMs: number;
}

type Models = PlatformFile['models'];

/** What the fleet looks after under these providers and settings. */
export function unitsOf(
  providers: readonly ProviderConfig[],
  models: Models,
  settings: AutostartSettings,
): EngineUnit[] {
  return withMap(providers, settings).flatMap((provider) => unitsOfProvider(provider, models, settings));
}

function unitsOfProvider(provider: ProviderConfig, models: Models, settings: AutostartSettings): EngineUnit[] {
  const { services = [], process, on_demand: times, ...plain } = provider;
  const common = timesOf(times, settings);
  const may = (label: string) =>
    settings.autostartEnabled && (settings.autostartMap?.some((entry) => labelOf(entry) === label) ?? true);
  if (process) {
    const label = labelOf({ kind: 'command', name: provider.name });
    const startTimeoutMs = process.start_timeout_ms;
    const served = process.models ?? targetsOn(provider.name, models);
    const onDemand = { ...common, label, startTimeoutMs, models: served, shares: false, allowed: may(label) };
    return [{ id: provider.name, provider: { ...plain, process }, ...(!process.autostart && { onDemand }) }];
  }
  const onDemandOf = (service: ServiceConfig, kind: 'vllm' | 'ollama'): OnDemand => {
    const label = labelOf({ kind, name: service.name });
    return { ...common, label, models: service.models ?? [service.name], shares: true, allowed: may(label) };
  };
  if (provider.kind === 'ollama') {
    const loaded = services.map((service) => ({
      ...{ id: `${provider.name}/${service.name}`, provider: plain },
      onDemand: { ...onDemandOf(service, 'ollama'), ollamaModel: service.name },
    }));
    return [{ id: provider.name, provider: plain }, ...loaded];
  }
  if (services.length === 0) return [{ id: provider.name, provider: plain }];
  return services.map((service) => {
    const onDemand = onDemandOf(service, 'vllm');
    const command = service.command ?? vllmCommand(service, providerUrl(provider), settings);
    const own = { command, env: service.env, start_timeout_ms: onDemand.startTimeoutMs, autostart: false };
    return { id: `${provider.name}/${service.name}`, provider: { ...plain, process: own }, onDemand };
  });
}

function timesOf(times: OnDemandConfig = {}, settings: AutostartSettings) {
  return {
    startTimeoutMs: times.start_timeout_ms ?? settings.startTimeoutMs,
    idleStopMs: times.idle_stop_ms ?? settings.idleStopMs,
    minUpMs: times.min_up_ms ?? settings.minUpMs,
    drainMs: times.drain_ms ?? settings.drainMs,
  };
}

/** What the models of the file ask of a provider. */
function targetsOn(provider: string, models: Models): string[] {
  const names = models.flatMap((model) =>
    model.targets.filter((target) => target.provider === provider).map((target) => target.model ?? model.name),
  );
  return [...new Set(names)];
}

/** The providers with what the map names and no provider has. */
function withMap(providers: readonly ProviderConfig[], settings: AutostartSettings): ProviderConfig[] {
  const all = [...providers];
  const free = (name: string) => (all.some((provider) => provider.name === name) ? `autostart-${name}` : name);
  const bare = (name: string): ServiceConfig => ({ name, env: {}, args: [] });
  const give = (at: number, service: ServiceConfig) =>
    all.splice(at, 1, { ...all[at]!, services: [...(all[at]!.services ?? []), service] });
  const own: Record<'vllm' | 'ollama', () => ProviderConfig> = {
    vllm: () => ({ name: free('vllm'), kind: 'vllm', base_url: `http://127.0.0.1:${settings.vllmPort}/v1` }),
    ollama: () => ({ name: free('ollama'), kind: 'ollama', base_url: settings.ollamaBaseUrl }),
  };
  const mine: Partial<Record<'vllm' | 'ollama', string>> = {};
  for (const { kind, name } of settings.autostartMap ?? []) {
    if (kind === 'command') {
      const found = all.some((provider) => provider.name === name && provider.process?.autostart === false);
      if (!found) log.warn('no provider of that name has a process with "autostart: false"', { provider: name });
      continue;
    }
    const isOf = (provider: ProviderConfig) => (provider.kind === 'ollama') === (kind === 'ollama');
    const has = all.some((one) => isOf(one) && one.services?.some((service) => service.name === name));
    if (has) continue;
    if (kind === 'ollama') mine.ollama ??= all.find((provider) => provider.kind === 'ollama')?.name;
    mine[kind] ??= (all.push(own[kind]()), all.at(-1)!.name);
    const at = all.findIndex((provider) => provider.name === mine[kind]);
    give(at, bare(name));
  }
  return all;
}
