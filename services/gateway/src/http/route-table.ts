/** Which methods a path takes: tells "no such URL" from "not that method". */
export class RouteTable {
  readonly #routes: { pattern: RegExp; method: string }[] = [];

  /** `url` as Fastify has it: `:name` for one segment, `*` for the rest. */
  add(method: string, url: string): void {
    const source = url
      .replaceAll(/[.+?^${}()|[\]\\]/g, '\\$&')
      .replaceAll(/:[A-Za-z_]+/g, '[^/]+')
      .replace('*', '.+');
    this.#routes.push({ pattern: new RegExp(`^${source}$`), method });
  }

  /** The methods of a path (without its query), sorted; empty when there is no such path. */
  methods(path: string): string[] {
    const methods = this.#routes.filter(({ pattern }) => pattern.test(path)).map(({ method }) => method);
    return [...new Set(methods)].sort();
  }
}
