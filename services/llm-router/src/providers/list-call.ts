import type { router } from '@flotilla/contracts';
import { FlotillaError } from '@flotilla/kernel';
import type { Watchdog, Watched } from './watchdog.ts';
import type { EngineClient } from './engine-client.ts';
import type { EngineCall, Receiver } from './exchange.ts';
import { EngineFailure } from './provider.ts';
import type { Target } from './target.ts';
import { WholeBody } from './whole-body.ts';

/** The longest list that is read, in bytes: OpenRouter's is about 1 MiB. */
const maxList = 16 << 20;

/** One list of a provider's models. Rejects with a FlotillaError. */
export class ListCall implements Receiver, Watched {
  readonly result: Promise<router.OfferedModel[]>;
  readonly #watchdog: Watchdog;
  readonly #target: Target;
  readonly #until: number;
  readonly #body = new WholeBody(maxList);
  #call: EngineCall | undefined;
  #resolve!: (models: router.OfferedModel[]) => void;
  #reject!: (error: FlotillaError) => void;

  /** `until`: the clock's monotonic milliseconds. */
  constructor(client: EngineClient, watchdog: Watchdog, target: Target, until: number) {
    this.#watchdog = watchdog;
    this.#target = target;
    this.#until = until;
    this.result = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    watchdog.add(this);
    this.#call = client.list(target, this);
  }

  data(bytes: Buffer): void {
    try {
      this.#body.write(bytes);
    } catch (error) {
      this.#call?.abort();
      this.fail(error as EngineFailure);
    }
  }

  end(): void {
    this.#watchdog.remove(this);
    try {
      const models = this.#target.adapter.list!.read(this.#body.json());
      if (models) this.#resolve(models);
      else this.#reject(new FlotillaError('engine_error', 'It sent no list of models of its kind.'));
    } catch (error) {
      this.fail(error as EngineFailure);
    }
  }

  fail(failure: Error): void {
    this.#watchdog.remove(this);
    this.#reject(failure instanceof EngineFailure ? failure.error : new FlotillaError('engine_error'));
  }

  check(now: number): void {
    if (now <= this.#until) return;
    this.#call?.abort();
    this.#watchdog.remove(this);
    this.#reject(new FlotillaError('deadline_exceeded', 'It did not say what it offers in time.'));
  }
}
