import { z } from 'zod';

/** A local process the fleet controller may start and stop. Without it the provider is only probed. */
export const processSchema = z.strictObject({
  command: z.array(z.string()).min(1),
  env: z.record(z.string(), z.string()).default({}),
  /** Milliseconds until it must answer its probe. */
  start_timeout_ms: z.number().int().positive().default(120_000),
  /** Start it with the platform. False: when asked to. */
  autostart: z.boolean().default(true),
});
