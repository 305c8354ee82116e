import { FlotillaError } from '@flotilla/kernel';
import { histogram } from '@flotilla/telemetry';
import type { Watched } from './watchdog.ts';
import type { Account } from './account.ts';
import { lateFailure, malformedFailure, statusFailure } from './engine-errors.ts';
import type { Asked, EngineCall, Receiver, Wire } from './exchange.ts';
import { EngineFailure } from './provider.ts';
import { readJob, statusIn, type JobAnswer } from './runpod-answer.ts';
import { WholeBody } from './whole-body.ts';

/** Milliseconds between two looks at a job; while it waits for a worker they grow. RunPod allows 2,000 looks in 10 s. */
const pauses = { least: 100, queued: 1_000 };
/** Milliseconds one look may take. */
const lookMs = 30_000;
/** Milliseconds to tell RunPod that nobody waits for a job any more. */
const partingMs = 5_000;
/** The most of one look, in bytes. */
const maxAnswer = 16 << 20;

const coldStarts = histogram({
  name: 'flotilla_router_cold_start_duration_seconds',
  description: 'Time that requests waited for a serverless worker',
  unit: 's',
});

/**
 * One job on a RunPod endpoint (docs.runpod.io, "Operation reference"): it is handed in, waits for a worker, and what it has
 * said since the last look is fetched again and again. A job that nobody waits for any more is cancelled, for a worker
 * that goes on is paid for.
 */
export class RunpodJob implements EngineCall, Watched {
  readonly #wire: Wire;
  readonly #asked: Asked;
  readonly #account: Account;
  #receiver: Receiver | undefined;
  #phase: 'submitting' | 'queued' | 'running' | 'over' = 'submitting';
  #id = '';
  #call: EngineCall | undefined;
  /** It said something of its answer. */
  #spoke = false;
  #paused = false;
  /** When to look next; 0: a look is under way. */
  #nextAt = 0;
  #now = 0;
  #since = 0;
  #queuedAt = 0;
  #pause = pauses.least;
  #parted: (() => void) | undefined;

  constructor(wire: Wire, asked: Asked, account: Account, receiver: Receiver) {
    this.#wire = wire;
    this.#asked = asked;
    this.#account = account;
    this.#receiver = receiver;
    wire.watch(this);
    const { coldStartMs, limits } = account;
    const input = `{"openai_route":${JSON.stringify(`/v1${asked.path}`)},"openai_input":${asked.body}}`;
    // What is left when this router dies ends by itself.
    const policy = { executionTimeout: limits.totalTimeoutMs, ttl: coldStartMs + limits.totalTimeoutMs };
    this.#send('POST', '/run', `{"input":${input},"policy":${JSON.stringify(policy)}}`, (answer) =>
      this.#begun(answer),
    );
  }

  abort(): void {
    this.#receiver = undefined;
    if (this.#phase === 'over' || this.#parted) return;
    this.#parted = this.#wire.parting();
    this.#since = this.#now;
    // One that was just handed in has no name yet to cancel it by.
    if (this.#phase !== 'submitting') this.#cancel();
  }

  release(): void {
    this.#receiver = undefined;
    if (!this.#parted) this.#close();
  }

  pause(): void {
    this.#paused = true;
    this.#call?.pause();
  }

  resume(): void {
    this.#paused = false;
    this.#call?.resume();
  }

  check(now: number): void {
    this.#now = now;
    this.#since ||= now;
    const late = now - this.#since > (this.#parted ? partingMs : lookMs);
    if (this.#parted) {
      if (late) this.#close();
    } else if (this.#phase === 'queued' && this.#tooLong(now)) {
      this.#fail(new EngineFailure(noWorker(this.#account.coldStartMs), { failover: true }));
    } else if (this.#nextAt > 0) {
      if (now >= this.#nextAt && !this.#paused) this.#look();
    } else if (late && !this.#paused) {
      this.#fail(lateFailure(`RunPod did not answer within ${lookMs / 1_000} s.`, true));
    }
  }

  #tooLong(now: number): boolean {
    this.#queuedAt ||= now;
    return now - this.#queuedAt > this.#account.coldStartMs;
  }

  #begun(answer: JobAnswer): void {
    if (!/^[\w.-]{1,128}$/.test(answer.id)) return this.#fail(malformedFailure('a job without an id'));
    this.#id = answer.id;
    if (this.#parted) return this.#cancel();
    this.#phase = 'queued';
    // A worker that is warm has taken it already.
    this.#look();
  }

  #look(): void {
    const path = this.#asked.stream ? 'stream' : 'status';
    this.#send('GET', `/${path}/${this.#id}`, undefined, (answer) => this.#take(answer));
  }

  #take(answer: JobAnswer): void {
    const { status } = answer;
    // A job that is looked at as a whole has its answer when it is complete.
    const outputs = this.#asked.stream || status === 'COMPLETED' ? answer.outputs : [];
    if (status === 'IN_QUEUE' && outputs.length === 0) return this.#queued();
    if (this.#phase === 'queued') this.#started();
    for (const output of outputs) {
      const refused = statusIn(output);
      if (refused) return this.#fail(statusFailure(refused.status, refused.body, (text) => this.#wire.redact(text)));
      this.#spoke = true;
      this.#receiver?.data(Buffer.from(this.#asked.stream ? output.event : output.whole));
      // What was said may have been the end of the answer.
      if (!this.#receiver) return;
    }
    this.#after({ ...answer, outputs });
  }

  #queued(): void {
    this.#later(this.#pause);
    this.#pause = Math.min(this.#pause * 2, pauses.queued);
  }

  #started(): void {
    this.#phase = 'running';
    const provider = this.#account.provider?.name ?? '';
    if (this.#queuedAt > 0) coldStarts.record((this.#now - this.#queuedAt) / 1_000, { provider });
  }

  #after({ status, outputs, error }: JobAnswer): void {
    switch (status) {
      case 'COMPLETED':
        // More may lie ready; and a worker that gives no pieces has its answer in the status.
        if (this.#asked.stream && outputs.length > 0) return this.#look();
        if (this.#asked.stream && !this.#spoke) return this.#lookAtWhole();
        return this.#end();
      case 'FAILED':
      case 'CANCELLED':
      case 'TIMED_OUT':
        this.#id = '';
        return this.#fail(statusFailure(500, { error }, (text) => this.#wire.redact(text)));
      default:
        return outputs.length > 0 ? this.#look() : this.#later(pauses.least);
    }
  }

  #lookAtWhole(): void {
    this.#send('GET', `/status/${this.#id}`, undefined, (answer) => {
      if (answer.outputs.length === 0) return this.#end();
      this.#take({ ...answer, status: 'IN_PROGRESS' });
    });
  }

  #later(ms: number): void {
    this.#nextAt = this.#now + ms;
  }

  #end(): void {
    const receiver = this.#receiver;
    this.#receiver = undefined;
    this.#close();
    receiver?.end();
  }

  #fail(failure: EngineFailure): void {
    const receiver = this.#receiver;
    this.#receiver = undefined;
    if (this.#parted) return this.#close();
    if (this.#id === '') this.#close();
    else this.abort();
    receiver?.fail(failure);
  }

  #cancel(): void {
    this.#call?.abort();
    const end = () => this.#close();
    this.#call = this.#wire.send('POST', `/cancel/${this.#id}`, '{}', { data: () => undefined, end, fail: end });
  }

  #close(): void {
    this.#phase = 'over';
    this.#wire.unwatch(this);
    this.#call?.abort();
    this.#call = undefined;
    this.#parted?.();
  }

  /** One request; `take` gets what it says while somebody waits for it, or while it is to be cancelled. */
  #send(method: 'GET' | 'POST', path: string, body: string | undefined, take: (answer: JobAnswer) => void): void {
    const whole = new WholeBody(maxAnswer);
    this.#nextAt = 0;
    this.#since = this.#now;
    const ask = { answered: false };
    const settle = (settled: () => void) => {
      if (ask.answered || this.#phase === 'over') return;
      ask.answered = true;
      try {
        settled();
      } catch (error) {
        this.#fail(error instanceof EngineFailure ? error : malformedFailure('a job that cannot be read', error));
      }
    };
    this.#call = this.#wire.send(method, path, body, {
      data: (bytes) => {
        try {
          whole.write(bytes);
        } catch (error) {
          settle(() => this.#fail(error as EngineFailure));
        }
      },
      end: () => settle(() => take(readJob(whole.json()))),
      fail: (failure) => settle(() => this.#fail(failure)),
    });
  }
}

function noWorker(ms: number): FlotillaError {
  return new FlotillaError(
    'err_model_start_timeout',
    `No worker of the provider came up within ${ms / 1_000} s. Try again later.`,
  );
}
