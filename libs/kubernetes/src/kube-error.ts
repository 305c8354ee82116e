/**
 * not_found; conflict: it exists, or is not what it was; invalid: refused by schema, CEL or admission; forbidden: by RBAC or a
 * missing login; gone: a watch asks for what is no longer kept; unavailable: the API cannot be reached or is too busy;
 * cancelled: by the caller's signal.
 */
export type KubeErrorKind = 'not_found' | 'conflict' | 'invalid' | 'forbidden' | 'gone' | 'unavailable' | 'cancelled';

/** A call to the cluster's API that failed. The message is the API's own; it holds no secret. */
export class KubeError extends Error {
  readonly kind: KubeErrorKind;
  /** Milliseconds after which the API wants to be asked again. */
  readonly retryAfterMs: number | undefined;

  constructor(kind: KubeErrorKind, message: string, options: { cause?: unknown; retryAfterMs?: number } = {}) {
    super(message, { cause: options.cause });
    this.name = 'KubeError';
    this.kind = kind;
    this.retryAfterMs = options.retryAfterMs;
  }
}
