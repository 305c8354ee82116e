import { z } from 'zod';
import type { Engine } from '../engine.ts';
import type { Exchange } from '../http/exchange.ts';
import { textShape } from '../http/shapes.ts';
import { limitText, type Choice } from '../language/choice.ts';
import { tokenize } from '../language/tokenizer.ts';
import { constrained } from './chat.ts';
import { fit, generate, parseFields, samplingFields, type Prompt } from './generation.ts';

const completionRequest = z.object({
  ...samplingFields,
  prompt: z.union([
    z.string(),
    z.array(z.string()).min(1).max(256),
    z.array(z.number().int()).min(1),
    z.array(z.array(z.number().int()).min(1)).min(1).max(256),
  ]),
  echo: z.boolean().nullish(),
});

/** What vLLM gives a completion that names no maximum. */
const defaultMaxTokens = 16;

/** POST /v1/completions. */
export function completions(
  engine: Engine,
  exchange: Exchange,
  body: Record<string, unknown>,
  bodyLength: number,
): void {
  engine.assertAwake();
  const request = parseFields(completionRequest, body);
  const model = engine.models.resolve(request.model ?? undefined, 'generate');
  const withDefault = { ...request, max_tokens: request.max_tokens ?? defaultMaxTokens };
  const prompts: Prompt[] = [];
  const choices: Choice[] = [];
  for (const text of promptTexts(request.prompt)) {
    const { prompt, limits } = fit(engine, model, text, withDefault);
    prompts.push(prompt);
    for (let index = 0; index < (request.n ?? 1); index += 1) {
      const said = () => engine.say([{ role: 'user', text }], (request.seed ?? 0) + index);
      const choice = limitText(constrained(request, text, said) ?? ` ${said()}`, limits);
      choices.push(request.echo ? withEcho(text, choice) : choice);
    }
  }
  const end = engine.stats.begin(exchange.path, exchange.request.headers, body, bodyLength);
  generate(engine, exchange, { shape: textShape, idPrefix: 'cmpl', model, request, prompts, choices, end });
}

function withEcho(prompt: string, choice: Choice): Choice {
  return { ...choice, text: prompt + choice.text, tokens: [...tokenize(prompt), ...choice.tokens] };
}

/** Token ids stand for themselves: the simulator's vocabulary has no way back to text. */
function promptTexts(prompt: z.infer<typeof completionRequest>['prompt']): string[] {
  if (typeof prompt === 'string') return [prompt];
  if (prompt.every((part) => typeof part === 'number')) return [prompt.join(' ')];
  return prompt.map((part) => (Array.isArray(part) ? part.join(' ') : String(part)));
}
