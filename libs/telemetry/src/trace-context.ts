import {
  context,
  createContextKey,
  isSpanContextValid,
  ROOT_CONTEXT,
  trace,
  TraceFlags,
  type SpanContext,
} from '@opentelemetry/api';

const requestIdKey = createContextKey('flotilla.request_id');

/** The active trace as a W3C `traceparent` header; undefined outside of any trace. */
export function traceparent(): string | undefined {
  const active = trace.getSpanContext(context.active());
  if (!active || !isSpanContextValid(active)) return undefined;
  return `00-${active.traceId}-${active.spanId}-${active.traceFlags & TraceFlags.SAMPLED ? '01' : '00'}`;
}

/** Version 00 to fe, and whatever a later version adds after the flags; all-zero ids are not valid. */
const traceparentShape = /^(?!ff)[\da-f]{2}-(?!0{32})([\da-f]{32})-(?!0{16})([\da-f]{16})-([\da-f]{2})(?:-.*)?$/;

/** The remote span a `traceparent` header names (W3C Trace Context); undefined when it is absent or malformed. */
export function remoteSpan(header: string | undefined): SpanContext | undefined {
  const parts = header === undefined || header.length > 512 ? null : traceparentShape.exec(header);
  if (!parts) return undefined;
  return { traceId: parts[1]!, spanId: parts[2]!, traceFlags: Number.parseInt(parts[3]!, 16) & 1, isRemote: true };
}

/**
 * Runs `run` as part of the trace that a `traceparent` header names; without a valid one, outside of any trace. Nothing of
 * the caller's own context passes: what takes requests or events from elsewhere begins anew with each.
 */
export function withTraceparent<T>(header: string | undefined, run: () => T): T {
  const remote = remoteSpan(header);
  return context.with(remote ? trace.setSpanContext(ROOT_CONTEXT, remote) : ROOT_CONTEXT, run);
}

/** Runs `run` with the request id that log lines carry. */
export function withRequestId<T>(id: string, run: () => T): T {
  return context.with(context.active().setValue(requestIdKey, id), run);
}

/** The request id set by `withRequestId` around the caller. */
export function requestId(): string | undefined {
  return context.active().getValue(requestIdKey) as string | undefined;
}
