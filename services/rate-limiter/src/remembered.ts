/** What the memory store remembers of a request until `expiresAt`, ms since 1970. */
interface Expiring {
  readonly expiresAt: number;
}

/** Requests by name, in the order in which they expire: all live equally long, and one that is set again is the youngest. */
export class Remembered<Request extends Expiring> {
  private readonly byName = new Map<string, Request>();
  private readonly most: number;
  private hand: MapIterator<[string, Request]> | undefined;
  private oldest: [string, Request] | undefined;

  /** Above `most` the oldest are forgotten. */
  constructor(most: number) {
    this.most = most;
  }

  get size(): number {
    return this.byName.size;
  }

  find(name: string, now: number): Request | undefined {
    const found = this.byName.get(name);
    return found && found.expiresAt > now ? found : undefined;
  }

  set(name: string, request: Request, now: number): void {
    this.byName.delete(name);
    this.byName.set(name, request);
    this.forget(now);
  }

  /** Goes on where it stopped: a Map that is read from its start anew passes all that was deleted there. */
  private forget(now: number): void {
    for (;;) {
      if (!this.oldest) {
        this.hand ??= this.byName.entries();
        const next = this.hand.next();
        if (next.done) {
          this.hand = undefined;
          return;
        }
        this.oldest = next.value;
      }
      const [name, request] = this.oldest;
      if (this.byName.get(name) === request) {
        if (request.expiresAt > now && this.byName.size <= this.most) return;
        this.byName.delete(name);
      }
      this.oldest = undefined;
    }
  }
}
