/** `$(NAME)` by the value of NAME, as Kubernetes writes it; `$$(NAME)` stays as `$(NAME)`, and so does a name without a value. */
export function expand(text: string, values: Readonly<Record<string, string>>): string {
  return text.replaceAll(/\$(\$|\(([^()]+)\))/g, (found, what: string, name: string | undefined) => {
    if (what === '$') return '$';
    return name !== undefined && Object.hasOwn(values, name) ? values[name]! : found;
  });
}
