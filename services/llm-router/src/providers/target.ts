import type { Endpoint } from '../endpoints/endpoint.ts';
import type { ProviderAdapter } from './provider.ts';

/** Limits of time, in milliseconds. */
export interface TimeLimits {
  readonly connectTimeoutMs: number;
  readonly firstTokenTimeoutMs: number;
  readonly idleTimeoutMs: number;
  readonly totalTimeoutMs: number;
}

export interface TargetParts {
  readonly endpoint: Endpoint;
  readonly adapter: ProviderAdapter;
  /** The model as the engine calls it. */
  readonly model: string;
  readonly key: string | undefined;
  readonly limits: TimeLimits;
}

/**
 * An engine, the way to speak to it and the model to ask it for. The registry alone makes targets, and the engine client
 * takes nothing else: a request reaches no engine that its model's name did not resolve to.
 */
export class Target {
  readonly endpoint: Endpoint;
  readonly adapter: ProviderAdapter;
  readonly model: string;
  readonly limits: TimeLimits;
  readonly #key: string | undefined;

  constructor({ endpoint, adapter, model, key, limits }: TargetParts) {
    this.endpoint = endpoint;
    this.adapter = adapter;
    this.model = model;
    this.limits = limits;
    this.#key = key;
  }

  /** Header names and values in turn, as undici takes them. */
  headers(requestId: string): string[] {
    const headers = ['content-type', 'application/json'];
    if (this.#key !== undefined) headers.push('authorization', `Bearer ${this.#key}`);
    if (/^[\x21-\x7e]{1,128}$/.test(requestId)) headers.push('x-request-id', requestId);
    return headers;
  }

  /** The text without the provider's key, or what engines show of it. */
  redact(text: string): string {
    const plain = this.#key ? text.replaceAll(this.#key, '…') : text;
    return plain.replaceAll(/\b(sk|rk|key)-[\w*.-]{6,}/g, '…');
  }
}
