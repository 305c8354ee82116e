/** What depends on what, by name. */
export type Needs = Readonly<Record<string, readonly string[]>>;

/** The names such that each comes after all it needs. Throws on a cycle or an unknown name, and says which. */
export function startOrder(needs: Needs): string[] {
  const order: string[] = [];
  const path: string[] = [];
  const visit = (name: string) => {
    if (order.includes(name)) return;
    if (path.includes(name)) throw new Error(`targets need each other: ${[...path, name].join(' → ')}`);
    if (!needs[name]) throw new Error(`${path.at(-1)} needs ${name}, which is no target`);
    path.push(name);
    for (const needed of needs[name]) visit(needed);
    path.pop();
    order.push(name);
  };
  for (const name of Object.keys(needs)) visit(name);
  return order;
}
