import type { IncomingHttpHeaders } from 'node:http';
import type { Dispatcher } from 'undici';
import type { Target } from './target.ts';
import type { Watchdog, Watched } from './watchdog.ts';
import { connectionFailure, cutFailure, statusFailure } from './engine-errors.ts';
import { EngineFailure } from './provider.ts';
import { WholeBody } from './whole-body.ts';

/** Bytes of an error's body that are read. */
const maxErrorBody = 64 << 10;
/** Milliseconds an engine has to end a response that said it was done; past it the connection is not kept. */
const lingerMs = 1_000;

/** Who reads an exchange. After `end` or `fail` nothing comes. */
export interface Receiver {
  data(bytes: Buffer): void;
  end(): void;
  fail(failure: EngineFailure): void;
}

/** What an engine was asked, from its caller's side. */
export interface EngineCall {
  /** Ends it, so that the engine stops at once. Nothing comes after. */
  abort(): void;
  /** The answer is complete: what may still come is read away, so that the connection can be used again. */
  release(): void;
  pause(): void;
  resume(): void;
}

/** What is asked for, below the endpoint's base URL. */
export interface Asked {
  readonly path: string;
  readonly body: string;
  /** Whether the answer comes in pieces. */
  readonly stream: boolean;
}

/** How an adapter whose answers take several requests sends them: to its target's engine, and nowhere else. */
export interface Wire {
  send(method: 'GET' | 'POST', path: string, body: string | undefined, receiver: Receiver): EngineCall;
  /** Calls `check` every tick until it is taken off. */
  watch(watched: Watched): void;
  unwatch(watched: Watched): void;
  /** The caller left and something is still to be said to the engine: the connection stays until the function is called. */
  parting(): () => void;
  redact(text: string): string;
}

/** One request to an engine and its response, on undici's handler interface. */
export class Exchange implements EngineCall, Dispatcher.DispatchHandler, Watched {
  readonly target: Target;
  readonly #watchdog: Watchdog;
  #receiver: Receiver | undefined;
  #controller: Dispatcher.DispatchController | undefined;
  #answered = false;
  #ended = false;
  #aborted = false;
  #errorStatus = 0;
  #retryAfterMs: number | undefined;
  #errorBody: WholeBody | undefined;
  #lingered = 0;

  constructor(target: Target, receiver: Receiver, watchdog: Watchdog) {
    this.target = target;
    this.#receiver = receiver;
    this.#watchdog = watchdog;
  }

  abort(): void {
    this.#receiver = undefined;
    if (this.#ended || this.#aborted) return;
    this.#aborted = true;
    this.#controller?.abort(new Error('aborted'));
  }

  release(): void {
    this.#receiver = undefined;
    if (!this.#ended && !this.#aborted) this.#watchdog.add(this);
  }

  pause(): void {
    this.#controller?.pause();
  }

  resume(): void {
    if (this.#controller?.paused) this.#controller.resume();
  }

  check(now: number): void {
    if (this.#lingered === 0) this.#lingered = now;
    else if (now - this.#lingered < lingerMs) return;
    else this.abort();
    if (this.#aborted) this.#watchdog.remove(this);
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#aborted) controller.abort(new Error('aborted'));
  }

  onResponseStart(_controller: Dispatcher.DispatchController, status: number, headers: IncomingHttpHeaders): void {
    if (status < 200) return;
    this.#answered = true;
    if (status < 300) return;
    this.#errorStatus = status;
    this.#retryAfterMs = retryAfterMs(headers);
    this.#errorBody = new WholeBody(maxErrorBody);
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#errorBody) this.#errorBody.write(chunk);
    else this.#receiver?.data(chunk);
  }

  onResponseEnd(): void {
    this.#close((receiver) => {
      if (this.#errorBody) receiver.fail(this.#refusal());
      else receiver.end();
    });
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    this.#close((receiver) => {
      if (this.#errorBody) receiver.fail(this.#refusal());
      else if (error instanceof EngineFailure) receiver.fail(error);
      else receiver.fail(this.#answered ? cutFailure() : connectionFailure(error));
    });
  }

  #close(tell: (receiver: Receiver) => void): void {
    this.#ended = true;
    this.#watchdog.remove(this);
    const receiver = this.#receiver;
    this.#receiver = undefined;
    if (receiver) tell(receiver);
  }

  #refusal(): EngineFailure {
    let body: unknown;
    try {
      body = this.#errorBody?.json();
    } catch {
      body = undefined;
    }
    return statusFailure(this.#errorStatus, body, (text) => this.target.redact(text), this.#retryAfterMs);
  }
}

/** `retry-after-ms`, or `retry-after` in seconds; its form as a date is left alone. */
function retryAfterMs(headers: IncomingHttpHeaders): number | undefined {
  const ms = Number(headers['retry-after-ms'] ?? Number(headers['retry-after']) * 1_000);
  return ms > 0 ? ms : undefined;
}
