import { contentStems } from './words.ts';

export interface Tool {
  name: string;
  description: string;
  parameters: unknown;
}

/** Of the description's words, this many must stand in the question; of the name's, one. */
const sharedDescriptionWords = 2;

/** The tool whose name or description fits the question best; undefined when none does. */
export function matchTool(question: string, tools: readonly Tool[]): Tool | undefined {
  const asked = contentStems(question);
  let best: Tool | undefined;
  let bestScore = 0;
  for (const tool of tools) {
    const byName = shared(asked, contentStems(tool.name.replaceAll(/([a-z])([A-Z])|[_-]/g, '$1 $2')));
    const byDescription = shared(asked, contentStems(tool.description));
    const score = 2 * byName + byDescription;
    if ((byName === 0 && byDescription < sharedDescriptionWords) || score <= bestScore) continue;
    [best, bestScore] = [tool, score];
  }
  return best;
}

function shared(one: ReadonlySet<string>, other: ReadonlySet<string>): number {
  let count = 0;
  for (const stem of other) if (one.has(stem)) count += 1;
  return count;
}
