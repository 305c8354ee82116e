import { sleep, type Clock } from '@flotilla/kernel';
import { KubeError, pods, type KubeApi, type ObjectName } from '@flotilla/kubernetes';

/** Milliseconds between two attempts while the API cannot be reached. */
const pauseMs = { first: 200, most: 5_000 };

/** Writes a pod's status: only what changed, one write at a time, the newest when several came meanwhile. */
export class StatusWriter {
  readonly #api: KubeApi;
  readonly #clock: Clock;
  readonly #name: ObjectName;
  readonly #uid: string;
  #written = '';
  #wanted: Record<string, unknown> | undefined;
  #writing: Promise<void> | undefined;

  constructor(api: KubeApi, clock: Clock, name: ObjectName, uid: string) {
    this.#api = api;
    this.#clock = clock;
    this.#name = name;
    this.#uid = uid;
  }

  write(status: Record<string, unknown>, signal: AbortSignal): void {
    this.#wanted = status;
    this.#writing ??= this.#run(signal).finally(() => (this.#writing = undefined));
  }

  /** Another wrote over it: the next status is written even if it is the same. */
  forget(): void {
    this.#written = '';
  }

  /** Resolves when all is written, or the pod is gone. */
  async flush(): Promise<void> {
    await this.#writing;
  }

  async #run(signal: AbortSignal): Promise<void> {
    let failures = 0;
    while (this.#wanted !== undefined && !signal.aborted) {
      // What changes within one turn of the event loop is one write.
      await new Promise((resolve) => setImmediate(resolve));
      const status = this.#wanted;
      const text = JSON.stringify(status);
      this.#wanted = undefined;
      if (text === this.#written) continue;
      try {
        const patch = { metadata: { uid: this.#uid }, status };
        await this.#api.patch(pods, this.#name, patch, { subresource: 'status', signal });
        this.#written = text;
        failures = 0;
      } catch (error) {
        // Not found or another by that name: nobody reads it any more. Invalid: writing it again helps nobody.
        const again = error instanceof KubeError && error.kind === 'unavailable';
        if (!again) return;
        this.#wanted ??= status;
        failures += 1;
        const ms = Math.min(pauseMs.most, pauseMs.first * 2 ** failures);
        await sleep(this.#clock, ms, signal).catch(() => undefined);
      }
    }
  }
}
