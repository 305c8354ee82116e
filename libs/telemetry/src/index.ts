export type { Attributes, Span } from '@opentelemetry/api';
export {
  llmSeconds,
  rpcSeconds,
  tokenCounts,
  type BoundCounter,
  type BoundGauge,
  type BoundHistogram,
  type Counter,
  type Gauge,
  type Histogram,
  type HistogramOptions,
  type InstrumentOptions,
} from './instruments.ts';
export { levelOf, logger, logLevels, type LogFields, type Logger, type LogLevel } from './log.ts';
export type { LogSink } from './log-sink.ts';
export { beforeRead, counter, gauge, histogram } from './metrics.ts';
export { createOpsServer, type OpsServer, type OpsServerOptions } from './ops-server.ts';
export { prometheusText } from './prometheus.ts';
export { redact, redactSecrets, redactText } from './redact.ts';
export type { Labels } from './series.ts';
export { endSpan, recordsSpans, span, startSpan, withSpan, type SpanOptions } from './spans.ts';
export { startTelemetry, type Telemetry, type TelemetryOptions } from './telemetry.ts';
export { remoteSpan, requestId, traceparent, withRequestId, withTraceparent } from './trace-context.ts';
