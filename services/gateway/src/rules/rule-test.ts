import { PatternSet, refusalOf } from './pattern.ts';

export interface RuleTest {
  /** Why the pattern cannot be a rule; undefined when it can. */
  readonly refused: string | undefined;
  /** For each sample, whether the pattern matches somewhere in it; empty when it is refused. */
  readonly matches: readonly boolean[];
}

/** What a pattern would do, before it is saved. */
export function testRule(pattern: string, samples: readonly string[]): RuleTest {
  const refused = refusalOf(pattern);
  if (refused !== undefined) return { refused, matches: [] };
  const set = new PatternSet([pattern]);
  return { refused: undefined, matches: samples.map((sample) => set.match(sample).length > 0) };
}
