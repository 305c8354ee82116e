import { envFlag } from '@flotilla/kernel';
import { z } from 'zod';

/** Environment of the one-process shape, prefix FLOTILLA. Each service also reads its own prefix. */
export const standaloneConfigSchema = z.object({
  host: z.string().default('127.0.0.1').describe('address to listen on; anything but loopback is open to the network'),
  port: z.coerce.number().int().min(0).max(65_535).default(8080).describe('HTTP port; 0 takes a free one'),
  dataDir: z.string().default('.data').describe('database, dev key and state of local engines'),
  databaseUrl: z.string().optional().describe('postgres://… instead of the database in the data folder'),
  config: z.string().optional().describe('the platform file; config/flotilla.yaml is taken when it exists'),
  devKey: z.string().min(8).optional().describe('a secret: the first key; made at random on first start when absent'),
  otlpEndpoint: z.string().optional().describe('OTLP/HTTP collector, e.g. http://127.0.0.1:4318'),
  traceSampleRatio: z.coerce.number().min(0).max(1).default(0.05).describe('share of new traces that are recorded'),
  metrics: envFlag.prefault('true').describe('figures of the process itself (CPU, memory, event loop) in /metrics'),
  logLevel: z.enum(['debug', 'info', 'warn', 'error']).default('warn').describe('lowest level that is written'),
  drainMs: z.coerce
    .number()
    .int()
    .nonnegative()
    .default(10_000)
    .describe('ms that streams may take to finish on SIGTERM'),
});

export type StandaloneConfig = z.infer<typeof standaloneConfigSchema>;
