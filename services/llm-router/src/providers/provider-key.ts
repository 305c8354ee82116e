import { fileStamp, readVariable, type Clock, type Environment } from '@flotilla/kernel';
import { logger } from '@flotilla/telemetry';

const log = logger('llm-router');
/** Milliseconds between two looks at a mounted key: a key that was changed is in use after that. */
const lookMs = 2_000;

/** A key from the environment, or from the file that `<variable>_FILE` names: one that is changed there is used without a restart. */
export class ProviderKey {
  readonly #provider: string;
  readonly #variable: string;
  readonly #env: Environment;
  readonly #clock: Clock;
  readonly #file: string | undefined;
  #stamp = '';
  #lookedAt: number;
  #key: string | undefined;
  /** The one before, which requests under way may still carry. */
  #before: string | undefined;

  constructor(provider: string, variable: string, env: Environment, clock: Clock) {
    this.#provider = provider;
    this.#variable = variable;
    this.#env = env;
    this.#clock = clock;
    this.#file = env[`${variable}_FILE`] || undefined;
    this.#lookedAt = clock.monotonic();
    this.#read();
  }

  current(): string | undefined {
    if (this.#file === undefined) return this.#key;
    const now = this.#clock.monotonic();
    if (now - this.#lookedAt >= lookMs) {
      this.#lookedAt = now;
      if (fileStamp(this.#file) !== this.#stamp) this.#read();
    }
    return this.#key;
  }

  /** The text without the key. */
  redact(text: string): string {
    let plain = text;
    for (const key of [this.#key, this.#before]) if (key) plain = plain.replaceAll(key, '…');
    return plain;
  }

  /** A file that cannot be read leaves the key as it was. */
  #read(): void {
    const stamp = this.#file === undefined ? '' : fileStamp(this.#file);
    const where = { provider: this.#provider, variable: this.#variable };
    try {
      const key = readVariable(this.#variable, this.#env) || undefined;
      if (key === undefined) log.warn('a provider has no key', where);
      if (key !== undefined && key !== this.#key) {
        if (this.#key !== undefined) log.info('a provider’s key was changed', where);
        this.#before = this.#key;
        this.#key = key;
      }
    } catch (error) {
      log.warn('a provider’s key cannot be read', { ...where, error });
    }
    this.#stamp = stamp;
  }
}
