import type { RoutingRule } from '@flotilla/kernel';
import type { Asked } from './asked.ts';

/** What an organisation's rules say of a prompt. */
export interface Ruled {
  readonly asked: Asked;
  readonly model: string | undefined;
  /** Names of the rules that decided. */
  readonly by: readonly string[];
}

/** The first rule that holds and says a task decides the task; of that the first that holds and says a model, the model. */
export function applyRules(rules: readonly RoutingRule[], said: Asked, orgId: string): Ruled {
  if (rules.length === 0) return { asked: said, model: undefined, by: [] };
  const text = said.text.toLowerCase().trim();
  const first = (asked: Asked, says: (rule: RoutingRule) => boolean) =>
    rules.findIndex((rule) => says(rule) && holds(rule, asked, text, orgId));
  const task = first(said, (rule) => rule.task !== undefined);
  const asked = task < 0 ? said : { ...said, task: rules[task]!.task!, probability: 1 };
  const model = first(asked, (rule) => rule.model !== undefined);
  const by = [...new Set([task, model])].filter((at) => at >= 0).map((at) => rules[at]!.name ?? String(at + 1));
  return { asked, model: rules[model]?.model, by };
}

function holds({ when }: RoutingRule, asked: Asked, text: string, orgId: string): boolean {
  const { task, language, promptTokens } = asked;
  return (
    (when.org === undefined || when.org === orgId) &&
    (when.task === undefined || when.task.includes(task)) &&
    (when.language === undefined || when.language.includes(language)) &&
    promptTokens >= (when.min_tokens ?? 0) &&
    promptTokens <= (when.max_tokens ?? Infinity) &&
    (when.contains === undefined || when.contains.some((words) => text.includes(words.toLowerCase()))) &&
    (when.starts_with === undefined || when.starts_with.some((words) => text.startsWith(words.toLowerCase())))
  );
}
