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
  const matches = samples.map((sample) => {
    let matched = false;
    set.match(sample, () => (matched = true));
    return matched;
  });
  return { refused: undefined, matches };
}
