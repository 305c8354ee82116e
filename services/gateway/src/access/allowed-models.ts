/** Whether a model is on an identity's list: by its name, or by a prefix that ends with `*`. No list: every model is. */
export function mayUse(models: readonly string[] | undefined, name: string): boolean {
  if (models === undefined) return true;
  return models.some((entry) => (entry.endsWith('*') ? name.startsWith(entry.slice(0, -1)) : name === entry));
}
