import { safety } from '@flotilla/contracts';

/** OpenAI's categories. Those that no rule of ours looks for are always false. */
const openAiCategories = [
  'harassment',
  'harassment/threatening',
  'hate',
  'hate/threatening',
  'illicit',
  'illicit/violent',
  'self-harm',
  'self-harm/instructions',
  'self-harm/intent',
  'sexual',
  'sexual/minors',
  'violence',
  'violence/graphic',
];
/** The platform's own, beside OpenAI's. */
const ourCategories = ['pii', 'prompt_injection'];

/** A rule pack's category by OpenAI's name. */
const names: Readonly<Record<string, string>> = { toxicity: 'harassment' };

/**
 * One result in OpenAI's shape. Rules either match or do not: a score is 1 or 0. `flotilla` says which rules matched and
 * whether a chat with this text would be refused; never the text itself.
 */
export function moderationResult({ action, findings }: safety.CheckResponse): { flagged: boolean } {
  const found = new Set(findings.map(({ category }) => names[category] ?? category));
  const all = new Set([...openAiCategories, ...ourCategories, ...found]);
  const each = <T>(value: (category: string) => T) =>
    Object.fromEntries([...all].map((category) => [category, value(category)]));
  return {
    flagged: found.size > 0,
    ...{
      categories: each((category) => found.has(category)),
      category_scores: each((category) => (found.has(category) ? 1 : 0)),
      category_applied_input_types: each(() => ['text']),
      flotilla: {
        refused: action === safety.Action.BLOCK,
        findings: findings.map(({ rule, category }) => ({ rule, category })),
      },
    },
  };
}
