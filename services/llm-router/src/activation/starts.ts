import type { fleet } from '@flotilla/contracts';
import { abortable, FlotillaError, toFlotillaError } from '@flotilla/kernel';
import type { Target } from '../providers/target.ts';
import { heldRequests } from './metrics.ts';

export type Activate = (
  request: fleet.ActivateRequest,
  options: { timeoutMs: number; signal: AbortSignal },
) => Promise<fleet.Engine>;

export interface StartsOptions {
  readonly activate: Activate;
  readonly timeoutMs: number;
  readonly maxWaiting: number;
  /** Told when so many more (or fewer) requests wait for a model of an engine. */
  onHeld?(target: Target, change: 1 | -1): void;
}

interface Start {
  readonly done: Promise<fleet.Engine>;
  /** Aborts when nobody waits any more; a start that has begun the fleet brings to its end. */
  readonly left: AbortController;
  waiting: number;
}

/** Milliseconds after which who was refused may come again. */
const retryAfterMs = 10_000;

/** Asks the fleet for models, once for everyone who waits for the same. */
export class Starts {
  /** By provider and model; bounded by what the registry knows. */
  readonly #starts = new Map<string, Start>();
  readonly #options: StartsOptions;

  constructor(options: StartsOptions) {
    this.#options = options;
  }

  /** Resolves when an engine of the provider serves the model. Throws why none does, or the signal's reason. */
  async start(target: Target, requestId: string, signal: AbortSignal): Promise<fleet.Engine> {
    signal.throwIfAborted();
    const { endpoint, model } = target;
    const { provider } = endpoint.facts;
    const key = `${provider} ${model}`;
    const start = this.#starts.get(key) ?? this.#begin(key, { provider, model, requestId, inUse: false });
    if (start.waiting >= this.#options.maxWaiting) {
      throw new FlotillaError('overloaded', 'Too many requests wait for this model to start. Try again in a moment.', {
        details: { retryAfterMs },
      });
    }
    start.waiting += 1;
    heldRequests.add(1, { provider });
    this.#options.onHeld?.(target, 1);
    try {
      return await abortable(start.done, signal);
    } finally {
      heldRequests.add(-1, { provider });
      this.#options.onHeld?.(target, -1);
      start.waiting -= 1;
      if (start.waiting === 0) start.left.abort();
    }
  }

  #begin(key: string, request: fleet.ActivateRequest): Start {
    const left = new AbortController();
    const { activate, timeoutMs } = this.#options;
    const done = activate(request, { timeoutMs, signal: left.signal }).catch((error: unknown) => {
      throw failureOf(error);
    });
    const start: Start = { done, left, waiting: 0 };
    this.#starts.set(key, start);
    const forget = () => {
      if (this.#starts.get(key) === start) this.#starts.delete(key);
    };
    left.signal.addEventListener('abort', forget, { once: true });
    done.then(forget, forget);
    return start;
  }
}

/** What a client is told when a start failed: the fleet's own word where it has one. */
function failureOf(thrown: unknown): FlotillaError {
  const error = toFlotillaError(thrown);
  switch (error.code) {
    case 'deadline_exceeded':
      return new FlotillaError('err_model_start_timeout', undefined, { cause: error });
    case 'unavailable':
    case 'internal':
    case 'unknown_url':
      return new FlotillaError('engine_unavailable', 'The model is not running and cannot be started right now.', {
        cause: error,
      });
    default:
      return error;
  }
}
