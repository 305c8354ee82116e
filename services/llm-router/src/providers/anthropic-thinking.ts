/** Tokens of thought that an effort stands for, where a model is told tokens. */
const budgets: Readonly<Record<string, number>> = { minimal: 1_024, low: 1_024, medium: 4_096, high: 16_384 };
/** The least Anthropic takes. */
const leastBudget = 1_024;
/** Models up to Claude 4.5 are told tokens, later ones an effort (docs.anthropic.com, "Extended thinking"). */
const toldTokens = /claude-(3|(opus|sonnet|haiku)-4(-[015])?(-\d{8})?(-latest)?$)/;

export interface Thinking {
  thinking?: unknown;
  output_config?: { effort: string };
}

/**
 * OpenAI's `reasoning_effort` in Anthropic's words; a `thinking` of the client's own goes before it. Undefined: as the model
 * does by itself. `maxTokens`: of the whole answer, thought included. `replying`: to a tool, where none can begin.
 */
export function thinkingOf(
  model: string,
  parameters: Record<string, unknown>,
  maxTokens: number,
  replying: boolean,
): Thinking | undefined {
  const { thinking, reasoning_effort: effort } = parameters;
  if (thinking !== undefined) return { thinking };
  if (effort === 'none') return { thinking: { type: 'disabled' } };
  if (typeof effort !== 'string' || !Object.hasOwn(budgets, effort) || replying) return undefined;
  if (!toldTokens.test(model)) {
    return { thinking: { type: 'adaptive' }, output_config: { effort: effort === 'minimal' ? 'low' : effort } };
  }
  const budget = Math.min(budgets[effort]!, Math.floor(maxTokens / 2));
  return budget < leastBudget ? undefined : { thinking: { type: 'enabled', budget_tokens: budget } };
}
