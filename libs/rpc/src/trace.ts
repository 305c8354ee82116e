import {
  context,
  isSpanContextValid,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  trace,
  TraceFlags,
  type Context,
  type Span,
} from '@opentelemetry/api';
import type { FlotillaError } from '@flotilla/kernel';

const pattern = /^[\da-f]{2}-([\da-f]{32})-([\da-f]{16})-([\da-f]{2})(?:-|$)/;

/** The W3C traceparent of the active span; empty when there is none. */
export function activeTraceparent(): string {
  const spanContext = trace.getSpanContext(context.active());
  if (spanContext === undefined || !isSpanContextValid(spanContext)) return '';
  const sampled = (spanContext.traceFlags & TraceFlags.SAMPLED) === 0 ? '00' : '01';
  return `00-${spanContext.traceId}-${spanContext.spanId}-${sampled}`;
}

/** The server's half of a traced call: what runs inside `context` belongs to the trace. */
export interface ServerSpan {
  readonly span: Span;
  readonly context: Context;
}

/** A span for a call that came with a traceparent; undefined without one, so that an untraced call costs nothing. */
export function spanFromTraceparent(path: string, traceparent: string): ServerSpan | undefined {
  if (traceparent === '') return undefined;
  const match = pattern.exec(traceparent);
  if (match === null) return undefined;
  const spanContext = {
    traceId: match[1]!,
    spanId: match[2]!,
    traceFlags: Number.parseInt(match[3]!, 16) & TraceFlags.SAMPLED,
    isRemote: true,
  };
  if (!isSpanContextValid(spanContext)) return undefined;
  return startSpan(path, trace.setSpanContext(ROOT_CONTEXT, spanContext));
}

/** A span for a call within this process; undefined when the caller records nothing. */
export function spanFromActive(path: string): ServerSpan | undefined {
  const parent = context.active();
  return trace.getSpan(parent)?.isRecording() ? startSpan(path, parent) : undefined;
}

export function endSpan({ span }: ServerSpan, error: FlotillaError | undefined): void {
  if (error !== undefined) {
    span.setAttribute('error.type', error.code);
    if (error.row.http >= 500) span.setStatus({ code: SpanStatusCode.ERROR, message: error.code });
  }
  span.end();
}

function startSpan(path: string, parent: Context): ServerSpan {
  const cut = path.lastIndexOf('/');
  const attributes = { 'rpc.system': 'grpc', 'rpc.service': path.slice(1, cut), 'rpc.method': path.slice(cut + 1) };
  const span = trace.getTracer('@flotilla/rpc').startSpan(path.slice(1), { kind: SpanKind.SERVER, attributes }, parent);
  return { span, context: trace.setSpan(parent, span) };
}
