import { envFlag } from '@flotilla/kernel';
import { z } from 'zod';

const ms = (fallback: number) => z.coerce.number().int().positive().default(fallback);

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
});

export type FleetConfig = z.infer<typeof fleetConfigSchema>;

export const fleetDefaults: FleetConfig = fleetConfigSchema.parse({});
