import type { common } from '@flotilla/contracts';
import type { Clock, Random } from '@flotilla/kernel';
import { FlotillaError } from '@flotilla/kernel';
import type { ServerResponse } from 'node:http';
import { callerOf, type Identity } from '../access/identity.ts';
import { openAiErrors, type ErrorShape } from './error-shape.ts';

const acceptable = /^[A-Za-z0-9._-]{1,128}$/;

/** Anybody before a key said who. */
const nobody: Identity = {
  ...{ orgId: '', userId: '', keyId: '', tier: '', scopes: new Set(), models: undefined },
  plan: { subjects: [], mode: 'strict', defaultMaxTokens: 1, priority: 'batch' },
};

/** One public request and its answer. */
export class Exchange {
  /**
   * Ours, unique for each request. It is what the ledger bills by, so a client that repeats its own `x-request-id` must
   * not make two requests one.
   */
  readonly id: string;
  /** What the client sees in `x-request-id`: its own when it sent an acceptable one. */
  readonly publicId: string;
  readonly startedAt: number;
  identity: Identity = nobody;
  /** What the body of a signed request must hash to, until it was held against that. */
  bodyDigest: string | undefined;
  /** The address of the client, as far as it can be believed. */
  client = '';
  /** The body as it came, while it may still be sent on to another region. */
  rawBody: Buffer | undefined;
  /** The region that serves it, when it is not ours. */
  forwardedTo = '';
  /** Set when the answer was an error, for metrics and the access log. */
  code = '';
  /** The W3C traceparent of its span; undefined while none is recorded. */
  traceparent: string | undefined;
  /** Further headers of the answer, flat as names and values. */
  readonly headers: string[] = [];
  #leaving: AbortController | undefined;

  constructor(
    readonly response: ServerResponse,
    publicId: string | string[] | undefined,
    clock: Clock,
    random: Random,
    /** How the API that was asked tells of errors. */
    readonly errors: ErrorShape = openAiErrors,
  ) {
    this.id = random.id('req_');
    this.publicId = typeof publicId === 'string' && acceptable.test(publicId) ? publicId : this.id;
    this.startedAt = clock.monotonic();
  }

  get caller(): common.Caller {
    return callerOf(this.identity, this.id);
  }

  /** Aborts when the client's connection ends before the answer did. */
  get signal(): AbortSignal {
    this.#leaving ??= new AbortController();
    if (this.response.destroyed) this.close();
    return this.#leaving.signal;
  }

  /** The response is closed: finished, or cut off. */
  close(): void {
    if (this.#leaving && !this.response.writableFinished) this.#leaving.abort(new FlotillaError('cancelled'));
  }
}
