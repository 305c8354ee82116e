import { FlotillaError } from '@flotilla/kernel';
import type { DeadlineWheel, Expiring } from './deadlines.ts';
import type { CallContext } from './definition.ts';

const noMetadata: Readonly<Record<string, string>> = Object.freeze({});

/** The call whose context a signal came from, so that calls made with that signal end with it without a listener each. */
const owner = Symbol('owner');
type OwnedSignal = AbortSignal & { [owner]?: InboundCall };

/** Something that ends when a signal aborts. */
export interface Cancellable {
  cancel(reason: FlotillaError): void;
}

/**
 * The handler's side of a call, the same over memory, links and plain gRPC. The signal is made when it is first asked
 * for: most handlers never do, and an AbortController costs as much as the rest of the call.
 */
export class InboundCall implements CallContext, Expiring, Cancellable {
  readonly deadline: number;
  readonly metadata: Readonly<Record<string, string>>;
  wheelSlot = -1;
  wheelIndex = -1;
  protected readonly wheel: DeadlineWheel;
  #controller: AbortController | undefined;
  #reason: FlotillaError | undefined;
  #dependents: Set<Cancellable> | undefined;

  /** `timeoutMs`: what is left of the caller's deadline; Infinity when there is none. */
  constructor(wheel: DeadlineWheel, timeoutMs: number, metadata: Readonly<Record<string, string>> = noMetadata) {
    this.wheel = wheel;
    this.deadline = timeoutMs === Infinity ? Infinity : wheel.now() + timeoutMs;
    this.metadata = metadata;
    wheel.add(this);
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      (this.#controller.signal as OwnedSignal)[owner] = this;
      if (this.#reason !== undefined) this.#controller.abort(this.#reason);
    }
    return this.#controller.signal;
  }

  /** Why the call ended early; undefined while it goes on and when it ended well. */
  get reason(): FlotillaError | undefined {
    return this.#reason;
  }

  remainingMs(): number {
    return this.deadline === Infinity ? Infinity : Math.max(0, this.deadline - this.wheel.now());
  }

  expire(): void {
    this.cancel(new FlotillaError('deadline_exceeded'));
  }

  /** Tells the handler that nobody waits any more. The first reason stays. */
  cancel(reason: FlotillaError): void {
    if (this.#reason !== undefined) return;
    this.#reason = reason;
    this.wheel.remove(this);
    if (this.#dependents !== undefined) {
      const dependents = this.#dependents;
      this.#dependents = undefined;
      for (const dependent of dependents) dependent.cancel(reason);
    }
    this.#controller?.abort(reason);
  }

  /** The handler is done: nothing is left to cancel. */
  finish(): void {
    this.wheel.remove(this);
  }

  addDependent(dependent: Cancellable): void {
    (this.#dependents ??= new Set()).add(dependent);
  }

  removeDependent(dependent: Cancellable): void {
    this.#dependents?.delete(dependent);
  }
}

/** The cancel reason for a signal that aborted. */
export function abortReason(signal: AbortSignal): FlotillaError {
  const { reason } = signal;
  if (reason instanceof FlotillaError) return reason;
  const late = typeof reason === 'object' && reason !== null && 'name' in reason && reason.name === 'TimeoutError';
  return new FlotillaError(late ? 'deadline_exceeded' : 'cancelled', undefined, { cause: reason });
}

/**
 * Ties a call to the signal its caller gave. Signals of our own contexts are followed directly; others by a listener.
 */
export class SignalTie {
  readonly #signal: OwnedSignal;
  readonly #target: Cancellable;

  constructor(signal: AbortSignal, target: Cancellable) {
    this.#signal = signal;
    this.#target = target;
    if (this.#signal[owner]) this.#signal[owner].addDependent(target);
    else signal.addEventListener('abort', this, { once: true });
  }

  handleEvent(): void {
    this.#target.cancel(abortReason(this.#signal));
  }

  release(): void {
    if (this.#signal[owner]) this.#signal[owner].removeDependent(this.#target);
    else this.#signal.removeEventListener('abort', this);
  }
}
