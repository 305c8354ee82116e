/** Conversations whose model is remembered; the longest unused is forgotten first. */
const most = 20_000;

/** Which model a conversation is with, on this router. */
export class Conversations {
  readonly #models = new Map<string, string>();

  model(conversation: string): string | undefined {
    return this.#models.get(conversation);
  }

  keep(conversation: string, model: string): void {
    this.#models.delete(conversation);
    this.#models.set(conversation, model);
    if (this.#models.size > most) this.#models.delete(this.#models.keys().next().value!);
  }
}
