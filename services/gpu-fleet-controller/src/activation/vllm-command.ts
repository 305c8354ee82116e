import type { ServiceConfig } from '@flotilla/kernel';

export interface VllmSettings {
  vllmCommand: string;
  vllmGpuMemoryUtilization?: number | undefined;
  vllmMaxModelLen?: number | undefined;
}

/** How vLLM is started for a service at this address. */
export function vllmCommand(service: ServiceConfig, baseUrl: string, settings: VllmSettings): string[] {
  const { hostname, port } = new URL(baseUrl);
  const options: [name: string, value: string | number | undefined][] = [
    ['--host', hostname],
    ['--port', port],
    ['--gpu-memory-utilization', service.gpu_memory_utilization ?? settings.vllmGpuMemoryUtilization],
    ['--max-model-len', service.max_model_len ?? settings.vllmMaxModelLen],
  ];
  return [
    ...settings.vllmCommand.split(/\s+/).filter(Boolean),
    service.weights ?? service.name,
    ...['--served-model-name', ...(service.models ?? [service.name])],
    ...options.flatMap(([name, value]) => (value === undefined || value === '' ? [] : [name, String(value)])),
    ...service.args,
  ];
}
