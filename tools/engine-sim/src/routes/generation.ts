import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import type { Engine } from '../engine.ts';
import { ApiError, badRequest, type Exchange } from '../http/exchange.ts';
import { streamedReply, wholeReply, type Shape, type Usage } from '../http/reply.ts';
import type { Choice, Limits } from '../language/choice.ts';
import { scan } from '../language/tokenizer.ts';
import type { LoadedModel } from '../model-registry.ts';

const tokens = z.number().int().nullish();

/** The fields that chat and completions share, as far as the simulator heeds them; others pass unseen, as in vLLM. */
export const samplingFields = {
  model: z.string().nullish(),
  stream: z.boolean().nullish(),
  stream_options: z
    .looseObject({ include_usage: z.boolean().nullish(), continuous_usage_stats: z.boolean().nullish() })
    .nullish(),
  n: z.number().int().min(1).max(64).nullish(),
  stop: z.union([z.string(), z.array(z.string()).max(64)]).nullish(),
  include_stop_str_in_output: z.boolean().nullish(),
  max_tokens: tokens,
  max_completion_tokens: tokens,
  min_tokens: tokens,
  ignore_eos: z.boolean().nullish(),
  temperature: z.number().min(0).nullish(),
  top_p: z.number().gt(0).max(1).nullish(),
  seed: z.number().int().nullish(),
  guided_json: z.union([z.string(), z.record(z.string(), z.unknown())]).nullish(),
  guided_choice: z.array(z.string()).nullish(),
  structured_outputs: z
    .looseObject({
      json: z.union([z.string(), z.record(z.string(), z.unknown())]).nullish(),
      choice: z.array(z.string()).nullish(),
    })
    .nullish(),
};

const sampling = z.object(samplingFields);
export type Sampling = z.infer<typeof sampling>;

/** Parses a body. Throws ApiError that names the first field that is wrong. */
export function parseFields<S extends z.ZodType>(schema: S, body: unknown): z.infer<S> {
  const result = schema.safeParse(body);
  if (result.success) return result.data;
  const issue = result.error.issues[0]!;
  const field = issue.path.join('.');
  throw badRequest(field ? `${field}: ${issue.message}` : issue.message, field || null);
}

/** A prompt that was measured and found to fit. */
export interface Prompt {
  text: string;
  tokens: number;
  blocks: readonly number[];
}

/** Measures a prompt and what may follow it. Throws ApiError when the context window is too small. */
export function fit(
  engine: Engine,
  model: LoadedModel,
  text: string,
  request: Sampling,
): { prompt: Prompt; limits: Limits } {
  const { tokens, blocks } = scan(text, engine.options.blockSize, model.adapter && model.name);
  const asked = request.max_completion_tokens ?? request.max_tokens ?? undefined;
  if (asked !== undefined && asked < 1) throw badRequest(`max_tokens must be at least 1, got ${asked}.`, 'max_tokens');
  const room = engine.maxModelLen - tokens;
  if (room < (asked ?? 1)) {
    throw badRequest(
      `This model's maximum context length is ${engine.maxModelLen} tokens. However, you requested ${tokens + (asked ?? 0)} tokens ` +
        `(${tokens} in the messages, ${asked ?? 0} in the completion). Please reduce the length of the messages or completion.`,
    );
  }
  const maxTokens = asked ?? room;
  const stop = typeof request.stop === 'string' ? [request.stop] : (request.stop ?? []);
  const minTokens = request.ignore_eos ? maxTokens : Math.min(maxTokens, request.min_tokens ?? 0);
  const includeStop = request.include_stop_str_in_output ?? false;
  const limits = { maxTokens, minTokens, stop, includeStop, exactTokens: engine.options.answerTokens };
  return { prompt: { text, tokens, blocks }, limits };
}

export interface Generation {
  shape: Shape;
  idPrefix: string;
  model: LoadedModel;
  request: Sampling;
  /** One sequence each; choice `i` belongs to prompt `i / n`. */
  prompts: readonly Prompt[];
  choices: readonly Choice[];
  end(outcome: 'served' | 'aborted' | 'failed'): void;
}

/** Puts the choices before the scheduler and answers as their tokens come out. */
export function generate(engine: Engine, exchange: Exchange, generation: Generation): void {
  const { shape, model, request, prompts, choices, end } = generation;
  const requestId = exchange.request.headers['x-request-id'];
  const head = {
    id: `${generation.idPrefix}-${typeof requestId === 'string' && requestId ? requestId : randomUUID().replaceAll('-', '')}`,
    model: model.name,
    created: Math.floor(engine.clock.now() / 1_000),
  };
  const stream = request.stream ?? false;
  const reply = stream
    ? streamedReply(exchange, shape, head, choices, request.stream_options ?? {})
    : wholeReply(exchange, shape, head, choices);
  const perPrompt = choices.length / prompts.length;
  const usage: Usage = { promptTokens: 0, cachedTokens: 0, completionTokens: 0 };
  for (const { tokens } of prompts) usage.promptTokens += tokens;
  for (const { tokens } of choices) usage.completionTokens += tokens.length;
  const cutAfter = exchange.fault?.kind === 'cut' ? exchange.fault.tokens : Infinity;
  const aborts: (() => void)[] = [];
  let left = choices.length;

  const leave = (outcome: 'aborted' | 'failed') => {
    for (const abort of aborts) abort();
    end(outcome);
  };
  exchange.onLeave(() => leave('aborted'));
  choices.forEach((choice, index) => {
    const prompt = prompts[Math.floor(index / perPrompt)]!;
    const abort = engine.scheduler.submit({
      promptTokens: prompt.tokens,
      outputTokens: choice.tokens.length,
      promptBlocks: prompt.blocks,
      adapter: model.adapter && model.name,
      whole: !stream,
      finishReason: choice.finishReason === 'length' ? 'length' : 'stop',
      onAdmitted(cachedTokens) {
        if (index % perPrompt === 0) usage.cachedTokens += cachedTokens;
      },
      onTokens(from, to, done) {
        if (to >= cutAfter) {
          if (cutAfter > from) reply.onTokens(index, from, cutAfter, false, usage);
          // Lets what was written reach the client, then breaks the connection as a crash would.
          exchange.response.write('', () => exchange.response.destroy());
          leave('failed');
          return;
        }
        if (done && (left -= 1) === 0) end('served');
        reply.onTokens(index, from, to, done, usage);
      },
      onAborted() {
        end('failed');
        reply.onAborted();
      },
      allBlocks: () => scan(prompt.text + choice.text, engine.options.blockSize, model.adapter && model.name).blocks,
    });
    if (abort) aborts.push(abort);
  });
  if (aborts.length === choices.length) return;
  leave('failed');
  exchange.fail(new ApiError(503, 'ServiceUnavailableError', 'Too many requests are waiting.'));
}
