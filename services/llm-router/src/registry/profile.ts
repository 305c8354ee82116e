import type { ModelConfig, PlatformFile } from '@flotilla/kernel';

/** What may be asked for in this deployment: the profile in force, or none. */
export class Profile {
  /** Undefined: no profile is in force, and everything but what is made for tests may be asked for. */
  readonly name: string | undefined;
  readonly #patterns: readonly string[];
  readonly #roles: ReadonlyMap<string, string>;
  readonly #testing: boolean;

  /** `setting`: the router's own, over the file's. Throws when there is none of the name in force. */
  constructor({ profiles, profile }: PlatformFile, setting: string | undefined, testing: boolean) {
    this.name = setting ?? profile;
    const found = this.name === undefined ? undefined : Object.hasOwn(profiles, this.name) && profiles[this.name];
    if (found === false) throw new Error(`there is no profile "${this.name}"`);
    this.#patterns = found?.models ?? ['*'];
    this.#roles = new Map(Object.entries(found?.roles ?? {}));
    this.#testing = testing || (found?.testing ?? false);
  }

  /** Why the model may not be asked for; undefined: it may. `entry`: what the configuration says of it. */
  refuses(name: string, entry: ModelConfig | undefined): string | undefined {
    if (entry?.testing && !this.#testing) return 'is made for tests, which this deployment does not show';
    if (this.#patterns.some((one) => matches(one, name) || (entry && matches(one, entry.name)))) return undefined;
    return `is not part of the deployment profile "${this.name}"`;
  }

  /** The model that plays a part, by name; undefined: none does. */
  model(role: string, models: readonly ModelConfig[]): string | undefined {
    const named = this.#roles.get(role);
    if (named !== undefined) return named;
    return models.find((entry) => entry.roles.includes(role) && !this.refuses(entry.name, entry))?.name;
  }

  /** The parts that a model plays. */
  rolesOf({ name, aliases, roles }: ModelConfig): string[] {
    const mapped = [...this.#roles].filter(([, model]) => model === name || aliases.includes(model));
    const own = roles.filter((role) => !this.#roles.has(role));
    return [...new Set([...mapped.map(([role]) => role), ...own])];
  }

  get roles(): Readonly<Record<string, string>> {
    return Object.fromEntries(this.#roles);
  }
}

/** Whether the name is of the pattern, in which `*` stands for any characters. Linear in the name, unlike a regular expression. */
function matches(pattern: string, name: string): boolean {
  const [first = '', ...rest] = pattern.split('*');
  const last = rest.pop();
  if (last === undefined) return name === first;
  if (!name.startsWith(first)) return false;
  let at = first.length;
  for (const part of rest) {
    const found = name.indexOf(part, at);
    if (found < 0) return false;
    at = found + part.length;
  }
  return name.length - last.length >= at && name.endsWith(last);
}
