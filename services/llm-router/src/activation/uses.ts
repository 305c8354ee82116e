import type { Clock, Timer } from '@flotilla/kernel';
import { logger } from '@flotilla/telemetry';
import type { Target } from '../providers/target.ts';
import type { Activate } from './starts.ts';

const log = logger('llm-router');

/** How often the fleet is told what is in use: it counts on every 5 s. Milliseconds. */
const beatMs = 5_000;
/** What telling it may take, milliseconds. */
const timeoutMs = 2_000;

/** Tells the fleet which of the engines that run on demand are in use, so that none is stopped under a request. */
export class Uses {
  /** By endpoint; as many as there are endpoints. */
  readonly #targets = new Map<string, Target>();
  readonly #noted = new Set<string>();
  readonly #activate: Activate;
  readonly #clock: Clock;
  readonly #closed = new AbortController();
  #timer: Timer | undefined;

  constructor(activate: Activate, clock: Clock) {
    this.#activate = activate;
    this.#clock = clock;
  }

  note(target: Target): void {
    const { id } = target.endpoint.facts;
    const known = this.#targets.has(id);
    this.#targets.set(id, target);
    this.#noted.add(id);
    if (!known) this.#tell(target);
    this.#timer ??= this.#clock.after(beatMs, () => this.#beat());
  }

  close(): void {
    this.#closed.abort();
    this.#timer?.cancel();
  }

  #beat(): void {
    this.#timer = undefined;
    for (const [id, target] of this.#targets) {
      if (this.#noted.delete(id) || target.endpoint.inFlight > 0) this.#tell(target);
      else this.#targets.delete(id);
    }
    if (this.#targets.size > 0 && !this.#closed.signal.aborted)
      this.#timer = this.#clock.after(beatMs, () => this.#beat());
  }

  #tell({ endpoint, model }: Target): void {
    const request = { provider: endpoint.facts.provider, model, requestId: '', inUse: true };
    this.#activate(request, { timeoutMs, signal: this.#closed.signal }).catch((error: unknown) =>
      log.debug('the fleet could not be told what is in use', { endpoint: endpoint.facts.id, error }),
    );
  }
}
