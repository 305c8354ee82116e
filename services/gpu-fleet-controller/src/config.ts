import { envFlag } from '@flotilla/kernel';
import { z } from 'zod';
import { autostartMap } from './activation/autostart-map.ts';
import { kubernetesSettings } from './kubernetes-settings.ts';
import { replicaSettings } from './replicas/settings.ts';

const ms = (fallback: number) => z.coerce.number().int().positive().default(fallback);

const msOrNone = (fallback: number) => z.coerce.number().int().nonnegative().default(fallback);

/** Prefix FLOTILLA_FLEET. The engines themselves are the platform file's `providers`. */
export const fleetConfigSchema = z.object({
  probeIntervalMs: ms(1_000).describe('ms between probes of an engine on this machine or in its network'),
  remoteProbeIntervalMs: ms(30_000).describe('ms between probes of a provider on the internet; each lists its models'),
  probeTimeoutMs: ms(1_000).describe('ms a probe may take; ten times that for a provider on the internet'),
  failureThreshold: z.coerce
    .number()
    .int()
    .min(1)
    .default(2)
    .describe('failed probes in a row until a ready engine is unhealthy; 1 takes a single lost packet for an outage'),
  startWaitMs: z.coerce
    .number()
    .int()
    .nonnegative()
    .default(2_000)
    .describe('ms the controller waits at its own start for engines to answer, so that the first request finds one'),
  hungAfterMs: ms(60_000).describe('ms a local engine process may run without answering before it is restarted'),
  stopTimeoutMs: ms(10_000).describe('ms between SIGTERM and SIGKILL; shorter than an engine drains loses its answers'),
  restartBackoffMs: ms(500).describe('ms before the first restart of a crashed process; doubles, at most 30 s'),
  crashLimit: z.coerce.number().int().min(1).default(5).describe('crashes within the window after which it stays down'),
  crashWindowMs: ms(300_000).describe('ms over which crashes are counted'),
  discover: envFlag.prefault('false').describe('look for engines on this machine when the platform file names none'),
  stateDir: z
    .string()
    .optional()
    .describe('folder of the list of running processes; without it a killed controller leaves its engines behind'),
  logDir: z
    .string()
    .optional()
    .describe('folder of what local engines write, a file each; absent: `logs` in the state folder'),
  maxLogBytes: z.coerce
    .number()
    .int()
    .min(1_024)
    .default(10_000_000)
    .describe('bytes of such a file past which it is begun anew; one older file is kept'),
  autostartEnabled: envFlag.prefault('true').describe('whether requests may start engines'),
  autostartMap: autostartMap
    .optional()
    .describe(
      'what requests may start, e.g. `vllm:qlora-prod,ollama:color-narrator,command:tagger`: services and models by name, processes by their provider; those that no provider names run at the port and the address below. Absent: all that the platform file has on demand',
    ),
  startTimeoutMs: ms(300_000).describe(
    'ms a service may take until it answers; past it the request fails with err_model_start_timeout',
  ),
  idleStopMs: msOrNone(0).describe('ms without a request after which a service is stopped; 0: never'),
  minUpMs: msOrNone(15_000).describe('ms a service stays at least before it makes room for another'),
  drainMs: msOrNone(60_000).describe(
    'ms requests that run may take to finish before their service makes room for another',
  ),
  vllmPort: z.coerce.number().int().min(1).max(65_535).default(8_000).describe('port that services of the map share'),
  vllmCommand: z.string().min(1).default('vllm serve').describe('how vLLM is started; parts are split at blanks'),
  vllmGpuMemoryUtilization: z.coerce
    .number()
    .positive()
    .max(1)
    .optional()
    .describe('part of the GPU memory a service takes; absent: what vLLM does by itself'),
  vllmMaxModelLen: z.coerce
    .number()
    .int()
    .positive()
    .optional()
    .describe('tokens of prompt and answer; absent: what the model can'),
  ...replicaSettings,
  ollamaBaseUrl: z.url().default('http://127.0.0.1:11434').describe('where the Ollama of the map is'),
  ...kubernetesSettings,
});

export type FleetConfig = z.infer<typeof fleetConfigSchema>;

export const fleetDefaults: FleetConfig = fleetConfigSchema.parse({});
