import { chat, type common, type router } from '@flotilla/contracts';
import { AnswerSoFar } from './answer-so-far.ts';
import type { Attempt, Continuing } from './attempt.ts';
import type { Engines } from './engines.ts';
import type { Attempts } from './failover.ts';
import { continuations } from './metrics.ts';
import { parseParameters } from '../providers/parameters.ts';
import type { EngineFailure } from '../providers/provider.ts';
import type { Target } from '../providers/target.ts';
import type { Route } from '../registry/registry.ts';
import { cleanEnd, Seam } from './seam.ts';
import { addedUsage, estimatedUsage, promptLength } from './usage.ts';

/** What makes an answer more than its text, or its next token depend on more than the text before. */
const notPlain: Readonly<Record<string, (value: unknown) => boolean>> = {
  n: (value) => value !== 1,
  best_of: (value) => value !== 1,
  logprobs: (value) => value !== false,
  response_format: (value) => (value as { type?: unknown }).type !== 'text',
};
const never = [
  ...['tools', 'functions', 'top_logprobs', 'prompt_logprobs', 'use_beam_search', 'min_tokens', 'structured_outputs'],
  ...['guided_json', 'guided_regex', 'guided_choice', 'guided_grammar', 'response_schema', 'echo'],
  ...['add_generation_prompt', 'continue_final_message', 'return_token_ids', 'logits_processors'],
];

/** Whether an answer to this request can be gone on with by a reader of nothing but its text. */
function mayContinue(request: router.GenerateRequest): boolean {
  if (!request.stream || request.messages.at(-1)?.role === 'assistant') return false;
  const parameters = parseParameters(request.parametersJson);
  if (never.some((name) => parameters[name] != null)) return false;
  return Object.entries(notPlain).every(([name, refuses]) => parameters[name] == null || !refuses(parameters[name]));
}

/** Whether `target` has the weights of the engine that began the answer and can take it up. */
export function goesOn(target: Target, route: Route, began: { target: Target; route: Route | undefined }): boolean {
  if (!target.adapter.continues || target.persona !== began.target.persona) return false;
  return target.model === began.target.model || (route.family !== undefined && route.family === began.route?.family);
}

/** An engine that is to go on with an answer, and what it is asked. */
export interface Successor {
  readonly target: Target;
  readonly request: router.GenerateRequest;
  readonly continuing: Continuing;
}

/** What an answer has said and used, whichever engines said it, and whether another one can honestly go on with it. */
export class Continuation {
  readonly said: AnswerSoFar;
  readonly #engines: Engines;
  readonly #request: router.GenerateRequest;
  readonly #attempts: Attempts;
  #count = 0;
  /** By the engines before the one that answers now, for so many UTF-16 units. */
  #used: common.Usage | undefined;
  #usedLength = 0;

  constructor(engines: Engines, request: router.GenerateRequest, attempts: Attempts) {
    this.#engines = engines;
    this.#request = request;
    this.#attempts = attempts;
    this.said = new AnswerSoFar(request.stream && engines.config.continueAnswers > 0);
  }

  /** Of all engines up to this one. */
  usage(attempt: Attempt): common.Usage {
    if (attempt.usage) return attempt.usage;
    const length = this.said.length - this.#usedLength;
    if (!this.#used) return estimatedUsage(promptLength(this.#request.messages), length);
    return length === 0 ? this.#used : addedUsage(this.#used, estimatedUsage(0, length));
  }

  /** Who goes on when this engine failed; `complete`: the answer had reached its limit; undefined: nobody. */
  after(attempt: Attempt, failure: EngineFailure): Successor | 'complete' | undefined {
    const { said } = this;
    if (!failure.failover || !said.plain || !mayContinue(this.#request)) return undefined;
    this.#used = this.usage(attempt);
    this.#usedLength = said.length;
    const { maxTokens } = this.#request;
    const left = maxTokens - this.#used.completionTokens;
    if (maxTokens > 0 && left <= 0) return this.#used.estimated ? undefined : 'complete';
    if (this.#count >= this.#engines.config.continueAnswers) return undefined;
    const began = { target: attempt.target, route: this.#attempts.routeOf(attempt.target) };
    const target = this.#attempts.successor((other, route) => goesOn(other, route, began));
    continuations.add(1, { outcome: target ? 'continued' : 'nobody' });
    if (!target) return undefined;
    this.#count += 1;
    const { request, repeated } = continued(this.#request, said.text, maxTokens > 0 ? left : 0);
    return { target, request, continuing: { seam: new Seam(repeated), used: this.#used } };
  }
}

/**
 * The request that makes an engine go on behind `text`, of which it may generate `maxTokens` more (0: no bound): the text
 * as the last message, which is left open. Field names are vLLM's.
 */
export function continued(request: router.GenerateRequest, text: string, maxTokens: number) {
  const { clean, rest } = cleanEnd(text);
  if (clean === '') return { request: { ...request, maxTokens }, repeated: rest };
  const parameters = { ...parseParameters(request.parametersJson) };
  parameters['continue_final_message'] = true;
  parameters['add_generation_prompt'] = false;
  const said = chat.Message.fromPartial({ role: 'assistant', content: clean });
  return {
    request: {
      ...request,
      messages: [...request.messages, said],
      parametersJson: JSON.stringify(parameters),
      maxTokens,
    },
    repeated: rest,
  };
}
