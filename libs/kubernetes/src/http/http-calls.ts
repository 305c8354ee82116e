import type { Clock } from '@flotilla/kernel';
import type { Dispatcher } from 'undici';
import { KubeError } from '../kube-error.ts';
import { callDuration, callsTotal, up } from '../kube-metrics.ts';
import type { KubeAccess } from './access.ts';
import type { CallRate } from './call-rate.ts';
import { Connections } from './connections.ts';
import { errorOfStatus } from './status.ts';

/** How long a call may take, and a watch until it is accepted. */
export const callMs = 10_000;

export interface Call {
  /** As RBAC names it. */
  readonly verb: 'get' | 'list' | 'watch' | 'create' | 'update' | 'patch' | 'delete';
  /** Plural name of what it is about. */
  readonly resource: string;
  readonly path: string;
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>>;
  readonly body?: unknown;
  /** Absent: application/json. */
  readonly bodyType?: string;
  readonly signal?: AbortSignal | undefined;
}

export interface Answer {
  readonly code: number;
  readonly text: string;
}

type Response = Dispatcher.ResponseData;

const methods = {
  get: 'GET',
  list: 'GET',
  watch: 'GET',
  create: 'POST',
  update: 'PUT',
  patch: 'PATCH',
  delete: 'DELETE',
} as const;

/** HTTP with the API: deadlines, counts, errors by kind. */
export class HttpCalls {
  readonly #server: string;
  readonly #clock: Clock;
  readonly #rate: CallRate | undefined;
  readonly #connections: Connections;
  readonly counts: Record<string, number> = {};

  constructor(options: { access: KubeAccess; clock: Clock; rate: CallRate | undefined }) {
    this.#server = options.access.server;
    this.#clock = options.clock;
    this.#rate = options.rate;
    this.#connections = new Connections(options.access, options.clock);
  }

  /** The answer, whole. One of a code that `expected` does not take throws. */
  async answer(call: Call, expected: (answer: Answer) => boolean = succeeded): Promise<Answer> {
    const started = this.#clock.monotonic();
    const answer = await this.#within(call, async (signal) => {
      const { statusCode, headers, body } = await this.#send(call, 'calls', signal);
      const answer = { code: statusCode, text: await body.text() };
      if (!expected(answer)) throw this.#refused(answer, headers);
      return answer;
    });
    callDuration.record((this.#clock.monotonic() - started) / 1_000, { verb: call.verb });
    return answer;
  }

  /** The body of an answer that goes on until it ends or `end` aborts. The deadline is only for its beginning. */
  stream(call: Call, end: AbortController): Promise<Response['body']> {
    return this.#within(call, async (starting) => {
      starting.addEventListener('abort', () => end.abort(starting.reason), { once: true });
      const { statusCode, headers, body } = await this.#send(call, 'watches', end.signal);
      if (statusCode !== 200) throw this.#refused({ code: statusCode, text: await body.text() }, headers);
      return body;
    });
  }

  close(): Promise<void> {
    return this.#connections.close();
  }

  async #send(call: Call, use: 'calls' | 'watches', signal: AbortSignal): Promise<Response> {
    await this.#rate?.take(signal);
    const url = new URL(this.#server + call.path);
    for (const [name, value] of Object.entries(call.query ?? {})) {
      if (value !== undefined) url.searchParams.set(name, String(value));
    }
    const { dispatcher, headers } = await this.#connections.open(use, signal);
    this.counts[call.verb] = (this.counts[call.verb] ?? 0) + 1;
    const response = await dispatcher.request({
      origin: url.origin,
      path: url.pathname + url.search,
      method: methods[call.verb],
      headers: {
        ...headers,
        accept: 'application/json',
        'user-agent': 'flotilla',
        ...(call.body !== undefined && { 'content-type': call.bodyType ?? 'application/json' }),
      },
      body: call.body === undefined ? null : JSON.stringify(call.body),
      signal,
    });
    up.set(1);
    callsTotal.add(1, { verb: call.verb, resource: call.resource, code: String(response.statusCode) });
    return response;
  }

  #refused(answer: Answer, headers: Response['headers']): KubeError {
    if (answer.code === 401) this.#connections.forgetCredentials();
    const retryAfter = headers['retry-after'];
    return errorOfStatus(answer.code, answer.text, typeof retryAfter === 'string' ? retryAfter : undefined);
  }

  /** Runs it with the caller's signal and the deadline in one; what fails becomes a KubeError. */
  async #within<T>(call: Call, run: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const { signal: callers } = call;
    const stop = new AbortController();
    const cancel = () => stop.abort(callers?.reason);
    if (callers?.aborted) throw cancelled(call, callers);
    callers?.addEventListener('abort', cancel, { once: true });
    const timer = this.#clock.after(callMs, () => stop.abort(new Error(`no answer within ${callMs} ms`)));
    try {
      return await run(stop.signal);
    } catch (cause) {
      if (cause instanceof KubeError) throw cause;
      if (callers?.aborted) throw cancelled(call, callers);
      up.set(0);
      callsTotal.add(1, { verb: call.verb, resource: call.resource, code: '0' });
      throw unreachable(cause);
    } finally {
      timer.cancel();
      callers?.removeEventListener('abort', cancel);
    }
  }
}

function succeeded({ code }: Answer): boolean {
  return code >= 200 && code < 300;
}

function cancelled(call: Call, signal: AbortSignal): KubeError {
  return new KubeError('cancelled', `${call.verb} ${call.resource} was cancelled`, { cause: signal.reason });
}

/** For what was not answered, or broke off. */
export function unreachable(cause: unknown): KubeError {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new KubeError('unavailable', `the cluster's API does not answer: ${why}`, { cause });
}
