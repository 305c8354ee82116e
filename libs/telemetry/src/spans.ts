import {
  context,
  INVALID_SPAN_CONTEXT,
  isSpanContextValid,
  SpanKind,
  SpanStatusCode,
  trace,
  type Attributes,
  type Link,
  type Span,
  type Tracer,
} from '@opentelemetry/api';

export interface SpanOptions {
  /** Default: internal. */
  kind?: 'internal' | 'server' | 'client' | 'producer' | 'consumer';
  links?: Link[];
}

const kinds = {
  internal: SpanKind.INTERNAL,
  server: SpanKind.SERVER,
  client: SpanKind.CLIENT,
  producer: SpanKind.PRODUCER,
  consumer: SpanKind.CONSUMER,
} as const;

const idle: Span = trace.wrapSpanContext(INVALID_SPAN_CONTEXT);
let tracer: Tracer | undefined;

/** Set by startTelemetry while an exporter takes spans; undefined: spans cost nothing. */
export function recordSpansWith(next: Tracer | undefined): void {
  tracer = next;
}

/** True while spans are recorded: lets a caller skip the work of building attributes. */
export function recordsSpans(): boolean {
  return tracer !== undefined;
}

/**
 * Runs `run` in a child span of the active one. A throw or a rejection marks the span as failed with the error's code or
 * name (never its message: it may hold a prompt) and passes on. While no exporter is set, it only calls `run`.
 */
export function span<T>(name: string, attributes: Attributes, run: (span: Span) => T, options: SpanOptions = {}): T {
  if (!tracer) return run(idle);
  const started = startSpan(name, attributes, options);
  let result: T;
  try {
    result = withSpan(started, () => run(started));
  } catch (error) {
    endSpan(started, error);
    throw error;
  }
  if (!isPromise(result)) {
    started.end();
    return result;
  }
  return result.then(
    (value: unknown) => {
      started.end();
      return value;
    },
    (error: unknown) => {
      endSpan(started, error);
      throw error;
    },
  ) as T;
}

/** A child of the active span, for work that is not one function, e.g. a stream. End it with `endSpan`. */
export function startSpan(name: string, attributes: Attributes, { kind = 'internal', links }: SpanOptions = {}): Span {
  return tracer ? tracer.startSpan(name, { attributes, links, kind: kinds[kind] }) : idle;
}

/** Runs `run` with the span as the active one. */
export function withSpan<T>(active: Span, run: () => T): T {
  if (!isSpanContextValid(active.spanContext())) return run();
  return context.with(trace.setSpan(context.active(), active), run);
}

/** Ends a span; with an error, as failed. */
export function endSpan(ended: Span, error?: unknown): void {
  if (error !== undefined) {
    const type = errorType(error);
    ended.setAttribute('error.type', type);
    ended.setStatus({ code: SpanStatusCode.ERROR, message: type });
  }
  ended.end();
}

function errorType(error: unknown): string {
  if (typeof error !== 'object' || error === null) return typeof error;
  if ('code' in error && typeof error.code === 'string') return error.code;
  return 'name' in error && typeof error.name === 'string' ? error.name : 'Error';
}

function isPromise(value: unknown): value is Promise<unknown> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function';
}
