import type { Host } from '@flotilla/host';
import { readEnvironment } from '@flotilla/kernel';
import { ragConfigSchema } from './config.ts';
import { createRag } from './rag.ts';

/** Rag as a target of a host. */
export const ragTarget = {
  name: 'rag',
  create: async (host: Host) =>
    createRag(readEnvironment(ragConfigSchema, 'FLOTILLA_RAG', host.env), {
      ...{ rpc: host.rpc, clock: host.clock, random: host.random },
      database: await host.database(),
    }),
} as const;
