import type { Replica, ReplicaState } from '../models/world.ts';
import { beginning } from './replay.fixture.ts';

export interface Request {
  /** Seconds since the beginning of the trace. */
  readonly at: number;
  readonly prompt: number;
  readonly output: number;
  prefilled: number;
  done: number;
  firstAt: number | undefined;
}

export interface Hardware {
  /** Requests at once. */
  readonly seats: number;
  /** Tokens that fit its cache. */
  readonly cache: number;
  /** Prompt tokens a second over all, output tokens a second of a lone request, and what each further one slows the others by. */
  readonly prefill: number;
  readonly decode: number;
  readonly slowdown: number;
}

/** A batching engine in steps of time: seats, a cache, a shared budget of prefill, decoding that slows with the batch. */
export class ModelledReplica {
  state: ReplicaState = 'pending';
  readonly queue: Request[] = [];
  readyAt: number | undefined;
  answered = 0;
  sleepLevel = 0;
  node = '';
  #running: Request[] = [];
  #prompt = 0;
  #generated = 0;
  #placedAt: number | undefined;
  #wokenAt: number | undefined;

  constructor(
    readonly pod: string,
    readonly profile: string,
    readonly createdAt: number,
    readonly hardware: Hardware,
    readonly startSeconds: number,
    readonly placed: () => boolean,
  ) {}

  get inFlight(): number {
    return this.queue.length + this.#running.length;
  }

  step(now: number, seconds: number): void {
    this.#come(now);
    this.#admit();
    let budget = this.hardware.prefill * seconds;
    const speed =
      (this.hardware.decode * seconds) / (1 + this.hardware.slowdown * Math.max(0, this.#running.length - 1));
    for (const request of this.#running) {
      const read = Math.min(budget, request.prompt - request.prefilled);
      budget -= read;
      request.prefilled += read;
      this.#prompt += read;
      if (request.prefilled < request.prompt) continue;
      request.firstAt ??= (now - beginning) / 1_000;
      const given = Math.min(speed, request.output - request.done);
      request.done += given;
      this.#generated += given;
    }
    this.answered += this.#running.filter(({ done, output }) => done >= output).length;
    this.#running = this.#running.filter(({ done, output }) => done < output);
  }

  /** The process dies with what it had, and begins anew. */
  crash(now: number): void {
    this.#running = [];
    this.queue.length = 0;
    [this.#prompt, this.#generated] = [0, 0];
    this.state = 'starting';
    this.#placedAt = now;
  }

  sleepTo(level: 0 | 1 | 2, now: number): void {
    if (this.state === 'ready' && level > 0) this.state = 'asleep';
    if (this.state === 'asleep' && level === 0) this.#wokenAt ??= now;
    this.sleepLevel = this.state === 'asleep' ? level || this.sleepLevel : 0;
  }

  told(): Replica {
    const speaks = this.state === 'ready' || this.state === 'draining';
    return {
      ...{ revision: 'a', profile: this.profile, pod: this.pod, node: this.node, state: this.state, reason: '' },
      ...{ restarts: 0, createdAt: this.createdAt, adapters: [] },
      ...(this.readyAt !== undefined && { readyAt: this.readyAt }),
      ...(this.state === 'asleep' && { sleepLevel: this.sleepLevel }),
      ...(speaks && {
        load: {
          running: this.#running.length,
          waiting: this.queue.length,
          kvCacheUsage: this.#cached() / this.hardware.cache,
        },
        promptTokens: Math.floor(this.#prompt),
        generatedTokens: Math.floor(this.#generated),
      }),
    };
  }

  #come(now: number): void {
    if (this.state === 'pending' && this.placed()) {
      [this.state, this.node, this.#placedAt] = ['starting', `node-${this.pod}`, now];
      if (this.createdAt < beginning) this.#placedAt = this.createdAt;
    }
    if (this.state === 'starting' && now - this.#placedAt! >= this.startSeconds * 1_000) {
      this.state = 'ready';
      this.readyAt ??= now;
    }
    if (this.#wokenAt !== undefined && now - this.#wokenAt >= 3_000) {
      this.state = 'ready';
      this.#wokenAt = undefined;
    }
  }

  #admit(): void {
    while (this.queue.length > 0 && this.#running.length < this.hardware.seats) {
      const { prompt, output } = this.queue[0]!;
      if (this.#running.length > 0 && this.#cached() + prompt + output > this.hardware.cache) return;
      this.#running.push(this.queue.shift()!);
    }
  }

  #cached(): number {
    return this.#running.reduce((total, { prompt, output }) => total + prompt + output, 0);
  }
}
