import { z } from 'zod';

/** Environment of rag, prefix FLOTILLA_RAG. */
export const ragConfigSchema = z.object({
  maxFileBytes: z.coerce
    .number()
    .int()
    .min(1)
    .default(5 * 1024 * 1024)
    .describe('Bytes of text a file may have.'),
  maxChunksPerOrganisation: z.coerce
    .number()
    .int()
    .min(1)
    .max(65_535)
    .default(20_000)
    .describe(
      'Passages one organisation may have indexed. Every retrieval looks at all of them: 20,000 take about 15 ms of CPU.',
    ),
  cachedChunks: z.coerce
    .number()
    .int()
    .min(1)
    .default(50_000)
    .describe(
      'Passages kept in memory, least recently asked for first out (about 4 kB each). Smaller than what is asked for at once: they are read from the database again and again.',
    ),
  passages: z.coerce
    .number()
    .int()
    .min(1)
    .max(50)
    .default(4)
    .describe('Passages returned when the caller names no number.'),
  embedTimeoutMs: z.coerce
    .number()
    .int()
    .min(1)
    .default(150)
    .describe('Milliseconds to wait for the embedding of a question; past it the answer is by words alone.'),
  indexEmbedTimeoutMs: z.coerce
    .number()
    .int()
    .min(1)
    .default(30_000)
    .describe('Milliseconds to wait for the embeddings of 64 passages while a file is indexed.'),
});

export type RagConfig = z.infer<typeof ragConfigSchema>;

export const ragDefaults: RagConfig = ragConfigSchema.parse({});
