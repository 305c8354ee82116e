import { z } from 'zod';
import type { Engine } from '../engine.ts';
import { badRequest, type Exchange } from '../http/exchange.ts';
import { embed, embeddingDimensions } from '../language/embedding.ts';
import { scan } from '../language/tokenizer.ts';
import { parseFields } from './generation.ts';

const ids = z.array(z.number().int()).min(1);

const embeddingRequest = z.object({
  model: z.string().nullish(),
  input: z.union([z.string(), z.array(z.string()).min(1).max(2_048), ids, z.array(ids).min(1).max(2_048)]),
  encoding_format: z.enum(['float', 'base64']).nullish(),
  dimensions: z.number().int().min(1).max(embeddingDimensions).nullish(),
});

/** POST /v1/embeddings. */
export function embeddings(
  engine: Engine,
  exchange: Exchange,
  body: Record<string, unknown>,
  bodyLength: number,
): void {
  engine.assertAwake();
  const request = parseFields(embeddingRequest, body);
  const model = engine.models.resolve(request.model ?? engine.options.embeddingModel, 'embed');
  const texts = inputTexts(request.input);
  const tokens = texts.reduce((sum, text) => sum + scan(text, engine.options.blockSize).tokens, 0);
  if (tokens > engine.maxModelLen * texts.length)
    throw badRequest('The input is longer than the context window.', 'input');
  const end = engine.stats.begin(exchange.path, exchange.request.headers, body, bodyLength);
  const rate = engine.options.prefillTokensPerSecond;
  const send = () => {
    const data = texts.map((text, index) => {
      const vector = embed(text, request.dimensions ?? embeddingDimensions);
      const embedding =
        request.encoding_format === 'base64' ? Buffer.from(vector.buffer).toString('base64') : Array.from(vector);
      return { object: 'embedding', index, embedding };
    });
    engine.metrics.promptTokens += tokens;
    end('served');
    const usage = { prompt_tokens: tokens, total_tokens: tokens };
    exchange.json(200, { object: 'list', data, model: model.name, usage });
  };
  const ms = rate === 0 ? 0 : (tokens / rate) * 1_000;
  // Below a millisecond a timer would be the larger part of the time.
  if (ms < 1) return send();
  const timer = engine.clock.after(ms, send);
  exchange.onLeave(() => {
    timer.cancel();
    end('aborted');
  });
}

function inputTexts(input: z.infer<typeof embeddingRequest>['input']): string[] {
  if (typeof input === 'string') return [input];
  if (input.every((part) => typeof part === 'number')) return [input.join(' ')];
  return input.map((part) => (Array.isArray(part) ? part.join(' ') : String(part)));
}
