import type { Endpoint } from '../endpoints/endpoint.ts';
import type { ProviderAdapter } from './provider.ts';

/**
 * An engine, the way to speak to it and the model to ask it for. The registry alone makes targets, and the engine client
 * takes nothing else: a request reaches no engine that its model's name did not resolve to.
 */
export class Target {
  readonly endpoint: Endpoint;
  readonly adapter: ProviderAdapter;
  /** The model as the engine calls it. */
  readonly model: string;
  readonly #key: string | undefined;

  constructor(endpoint: Endpoint, adapter: ProviderAdapter, model: string, key: string | undefined) {
    this.endpoint = endpoint;
    this.adapter = adapter;
    this.model = model;
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
