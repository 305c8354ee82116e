/** Names that are compared at most. */
const mostCompared = 2_000;
const mostShown = 3;
/** Characters of a name that are compared; longer ones were hardly mistyped. */
const longest = 100;

/** At most three of the names that are nearest to what was asked for, by edits (Levenshtein 1966); none that are far. */
export function nearNames(asked: string, names: readonly string[]): string[] {
  const wanted = asked.slice(0, longest).toLowerCase();
  const bound = Math.max(1, Math.floor(wanted.length / 3));
  return names
    .slice(0, mostCompared)
    .filter((name) => name.length <= longest)
    .map((name) => ({ name, edits: edits(wanted, name.toLowerCase(), bound) }))
    .filter((one) => one.edits <= bound)
    .sort((a, b) => a.edits - b.edits || (a.name < b.name ? -1 : 1))
    .slice(0, mostShown)
    .map(({ name }) => name);
}

/** Insertions, deletions and replacements that make one of the other; above `bound` it may be any number above. */
function edits(a: string, b: string, bound: number): number {
  if (Math.abs(a.length - b.length) > bound) return bound + 1;
  let row = Array.from({ length: b.length + 1 }, (_, at) => at);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) {
      next.push(Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)));
    }
    if (Math.min(...next) > bound) return bound + 1;
    row = next;
  }
  return row[b.length]!;
}
