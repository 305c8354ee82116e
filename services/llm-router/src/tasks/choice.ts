import { FlotillaError, listsModel, type RoutingPolicy } from '@flotilla/kernel';
import type { Asked, Need } from './asked.ts';
import type { Candidate, Choices } from './candidates.ts';
import { weigh } from './weighing.ts';

export interface ChoiceOptions {
  readonly policy: RoutingPolicy;
  /** What a rule or the policy names for the task. */
  readonly wanted: string | undefined;
  /** What the asker may use; empty: all. */
  readonly allowed: readonly string[];
  /** The model the conversation is with, and how much better another must be. */
  readonly current: string | undefined;
  readonly stickiness: number;
}

export interface Choice {
  readonly model: string;
  readonly reasons: readonly string[];
}

/** Throws `model_not_found`, `permission_denied`, `capability_mismatch` or `context_length_exceeded` where none is left. */
export function choose({ named, open }: Choices, asked: Asked, options: ChoiceOptions): Choice {
  const { policy, wanted, allowed, current, stickiness } = options;
  const may = ({ name }: Candidate) => allowed.length === 0 || listsModel(allowed, name);
  const fits = (candidate: Candidate) =>
    may(candidate) && lacks(candidate, asked) === undefined && holds(candidate, asked);

  const preferred = wanted === undefined ? undefined : named.get(wanted);
  if (preferred && fits(preferred)) return { model: preferred.name, reasons: ['named'] };
  const unfit = wanted === undefined ? [] : ['named-unfit'];

  const models = policy.models;
  const pool = models ? [...named.values()].filter(({ name }) => listsModel(models, name)) : open;
  const [best, ...others] = weigh(narrow(pool, asked, may), asked, policy);
  const kept = others.find(({ candidate }) => candidate.name === current);
  const chosen = kept && kept.utility >= best!.utility - stickiness ? kept : best!;
  const { candidate, quality, cost } = chosen;
  const reasons = [
    `quality=${quality.toFixed(2)}`,
    `cost=${cost.toFixed(2)}`,
    ...(chosen === kept ? ['kept'] : []),
    ...(candidate.ready ? [] : ['cold']),
    `of=${others.length + 1}`,
    ...unfit,
  ];
  return { model: candidate.name, reasons };
}

/** Those that can take the request, of which there is at least one. */
function narrow(pool: readonly Candidate[], asked: Asked, may: (candidate: Candidate) => boolean): Candidate[] {
  if (pool.length === 0) {
    throw refusal(
      'model_not_found',
      'There is no model that chats for auto to choose. GET /v1/models lists those there are.',
    );
  }
  const usable = pool.filter(may);
  if (usable.length === 0) {
    throw refusal(
      'permission_denied',
      'This credential may use none of the models that auto chooses among. Name one that it may use.',
    );
  }
  const able = usable.filter((candidate) => lacks(candidate, asked) === undefined);
  if (able.length === 0) {
    const needs = asked.needs.join(' and ');
    const message = `The request needs a model with ${needs}, and auto has none to choose. Name ${needs} under the capabilities of one that can, or ask without.`;
    throw new FlotillaError('capability_mismatch', message, { details: { param: 'model', capability: needs } });
  }
  const wide = able.filter((candidate) => holds(candidate, asked));
  if (wide.length === 0) {
    const widest = Math.max(...able.map(({ contextWindow }) => contextWindow));
    const message = `The prompt has about ${asked.promptTokens} tokens; the widest context window that auto could choose holds ${widest}. Send less of it.`;
    throw new FlotillaError('context_length_exceeded', message, { details: { param: 'messages' } });
  }
  return wide;
}

/** The first need that the candidate does not meet. Engines that tell no capabilities may have all but eyes and ears. */
function lacks({ capabilities, declared }: Candidate, { needs }: Asked): Need | undefined {
  return needs.find((need) => !capabilities.has(need) && (declared || need === 'vision' || need === 'audio'));
}

function holds({ contextWindow }: Candidate, { promptTokens, answerTokens }: Asked): boolean {
  return contextWindow === 0 || promptTokens + answerTokens <= contextWindow;
}

function refusal(code: 'model_not_found' | 'permission_denied', message: string): FlotillaError {
  return new FlotillaError(code, message, { details: { param: 'model' } });
}
