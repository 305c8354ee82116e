import { parseArgs } from 'node:util';
import { z } from 'zod';

const flag = z.preprocess(
  (value) => (typeof value === 'string' ? ['', '1', 'true', 'yes', 'on'].includes(value) : value),
  z.boolean(),
);
const count = (fallback: number) => z.coerce.number().int().nonnegative().default(fallback);
const rate = (fallback: number) => z.coerce.number().nonnegative().default(fallback);

/** What the simulator can be told: `--field-name value`, `ENGINE_SIM_FIELD_NAME`, or a field of `startEngineSim`. */
export const optionsSchema = z.object({
  host: z.string().default('127.0.0.1').describe('Address to listen on.'),
  port: count(0).describe('Port to listen on. 0: any free one.'),
  model: z.string().min(1).default('flotilla-sim').describe('Name of the generation model.'),
  embeddingModel: z
    .string()
    .default('flotilla-sim-embed')
    .describe('Name of the embedding model. Empty: no embeddings.'),
  apiKey: z.string().default('').describe('Key that /v1 asks for. Empty: none.'),
  maxModelLen: z.coerce.number().int().positive().default(32_768).describe('Context window, tokens.'),
  maxNumSeqs: z.coerce.number().int().positive().default(256).describe('Sequences in one batch; the rest wait.'),
  maxWaiting: count(10_000).describe('Sequences that may wait. Past it: 503.'),
  numGpuBlocks: z.coerce.number().int().positive().default(8_192).describe('KV-cache blocks.'),
  blockSize: z.coerce.number().int().positive().default(16).describe('Tokens per KV-cache block.'),
  prefixCaching: flag.default(true).describe('Reuse blocks of equal prompt beginnings.'),
  prefillTokensPerSecond: rate(100_000).describe('Prompt tokens per second, over all sequences. 0: no time at all.'),
  decodeTokensPerSecond: rate(2_000).describe('Output tokens per second of a lone sequence. 0: as fast as possible.'),
  decodeSlowdown: rate(0.002).describe('How much each further sequence in the batch slows decoding, as a fraction.'),
  answerTokens: count(0).describe('Length of every answer in tokens, for benchmarks. 0: as long as the answer is.'),
  maxLoras: z.coerce.number().int().positive().default(4).describe('LoRA adapters that may run in one batch.'),
  loraModules: z.string().default('').describe('LoRA adapters loaded at the start: name=path, separated by commas.'),
  startupMs: count(0).describe('Milliseconds before it listens, as if weights were loading.'),
  wakeMs: count(0).describe('Milliseconds /wake_up takes.'),
  shutdownTimeoutMs: count(0).describe('Milliseconds SIGTERM waits for requests under way. 0: aborts them.'),
  seed: count(0).describe('Varies the wording of answers and the dice of faults.'),
  exitWithParent: flag.default(false).describe('End when the process that started it is gone.'),
});

export type SimOptions = z.infer<typeof optionsSchema>;

const kebab = (field: string) => field.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);

/** Options from the command line over the environment. Throws an error that names every option that is wrong. */
export function readOptions(argv: readonly string[], env: Readonly<Record<string, string | undefined>>): SimOptions {
  const fields = Object.keys(optionsSchema.shape) as (keyof SimOptions)[];
  const flags = new Set<string>(['prefixCaching', 'exitWithParent']);
  const { values } = parseArgs({
    args: argv.map((argument, i) => {
      const bare = flags.has(camel(argument)) && (argv[i + 1] ?? '--').startsWith('--');
      return bare ? `${argument}=true` : argument;
    }),
    options: Object.fromEntries(fields.map((field) => [kebab(field), { type: 'string' as const }])),
  });
  const given: Record<string, string> = {};
  for (const field of fields) {
    const value = values[kebab(field)] ?? env[`ENGINE_SIM_${kebab(field).replaceAll('-', '_').toUpperCase()}`];
    if (typeof value === 'string') given[field] = value;
  }
  const result = optionsSchema.safeParse(given);
  if (result.success) return result.data;
  throw new Error(result.error.issues.map((issue) => `--${kebab(String(issue.path[0]))}: ${issue.message}`).join('\n'));
}

/** What --help prints. */
export function helpText(): string {
  const defaults: Record<string, unknown> = optionsSchema.parse({});
  const lines = Object.entries(optionsSchema.shape).map(
    ([field, { description }]) => `  --${kebab(field).padEnd(28)} ${description} [${String(defaults[field])}]`,
  );
  return `engine-sim: a vLLM-compatible engine that runs no model.\n\n${lines.join('\n')}\n\nEach is also ENGINE_SIM_<OPTION> in the environment.\n`;
}

function camel(argument: string): string {
  return argument.replace(/^--/, '').replaceAll(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
}
