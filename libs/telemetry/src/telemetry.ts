import { context, diag, DiagLogLevel, propagation, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { W3CTraceContextPropagator } from '@opentelemetry/core';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { BatchSpanProcessor, ParentBasedSampler, TraceIdRatioBasedSampler } from '@opentelemetry/sdk-trace-base';
import { NodeTracerProvider } from '@opentelemetry/sdk-trace-node';
import { sleep, systemClock } from '@flotilla/kernel';
import type { LogSink } from './log-sink.ts';
import { configureLogs, levelOf, logger, type LogLevel } from './log.ts';
import { watchProcess } from './process-metrics.ts';
import { prometheusText } from './prometheus.ts';
import { recordSpansWith } from './spans.ts';

export interface TelemetryOptions {
  /** `service.name` of spans and log lines, e.g. `rag`, or `standalone` for all of them in one process. */
  service: string;
  version?: string;
  /** Base URL of an OTLP/HTTP collector, e.g. `http://127.0.0.1:4318`. Absent: no span is recorded, trace context still passes. */
  otlpEndpoint?: string;
  /** Share of new traces that are recorded, 0 to 1; a caller's decision goes before it. Default 1. */
  sampleRatio?: number;
  /** Follow the process's CPU, memory and event loop. Default true. */
  metrics?: boolean;
  /** Default: FLOTILLA_LOG_LEVEL, else info. */
  logLevel?: LogLevel;
  /** Where log lines go. Default: standard output. */
  logSink?: LogSink;
}

export interface Telemetry {
  /** Every metric of the process as Prometheus text. */
  metricsText(): Promise<string>;
  /** Sends the spans that wait (at most 5 s) and ends. */
  shutdown(): Promise<void>;
}

/** A span is sent after at most this long, in milliseconds; at most 2,048 wait, more are dropped. */
const spanDelayMs = 1_000;
const maxWaitingSpans = 2_048;

/** Spans that wait have this long at the end, in milliseconds. */
const shutdownMs = 5_000;
/** A collector that is gone is spoken of at most this often, in milliseconds. */
const complaintMs = 60_000;

let running: { telemetry: Telemetry; service: string } | undefined;

/** Starts logs, metrics and traces for this process. Throws when they were started and not shut down. */
export async function startTelemetry(options: TelemetryOptions): Promise<Telemetry> {
  if (running) throw new Error(`telemetry runs already, started for ${running.service}`);
  configureLogs({
    service: options.service,
    level: options.logLevel ?? levelOf(process.env['FLOTILLA_LOG_LEVEL']),
    sink: options.logSink,
  });
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  propagation.setGlobalPropagator(new W3CTraceContextPropagator());
  const stopTracing = options.otlpEndpoint ? startTracing(options.otlpEndpoint, options) : undefined;
  const stopWatching = (options.metrics ?? true) ? watchProcess() : undefined;

  const telemetry: Telemetry = {
    metricsText: () => Promise.resolve(prometheusText()),
    async shutdown() {
      if (running?.telemetry !== telemetry) return;
      running = undefined;
      stopWatching?.();
      await stopTracing?.();
      context.disable();
      propagation.disable();
    },
  };
  running = { telemetry, service: options.service };
  return Promise.resolve(telemetry);
}

function startTracing(endpoint: string, { service, version, sampleRatio = 1 }: TelemetryOptions): () => Promise<void> {
  const exporter = new OTLPTraceExporter({ url: `${endpoint.replace(/\/+$/, '')}/v1/traces`, timeoutMillis: 5_000 });
  const provider = new NodeTracerProvider({
    resource: resourceFromAttributes({ 'service.name': service, ...(version && { 'service.version': version }) }),
    sampler: new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(sampleRatio) }),
    spanProcessors: [
      new BatchSpanProcessor(exporter, { scheduledDelayMillis: spanDelayMs, maxQueueSize: maxWaitingSpans }),
    ],
  });
  complainInLog();
  trace.setGlobalTracerProvider(provider);
  recordSpansWith(provider.getTracer('flotilla'));
  return async () => {
    recordSpansWith(undefined);
    trace.disable();
    // A collector that is gone must not hold up the end of the process.
    const sent = provider
      .shutdown()
      .catch((error: unknown) => logger('telemetry').warn('the last spans were not delivered', { error }));
    await Promise.race([sent, sleep(systemClock, shutdownMs)]);
    diag.disable();
  };
}

/** What OpenTelemetry has to complain of, as log lines: it tries to send every second, and fails as often. */
function complainInLog(): void {
  const log = logger('telemetry');
  let silentUntil = -Infinity;
  const complain = (message: string, ...details: unknown[]) => {
    const now = systemClock.monotonic();
    if (now < silentUntil) return;
    silentUntil = now + complaintMs;
    log.warn('traces have a problem', { problem: message, details });
  };
  const ignore = () => undefined;
  const complaints = { error: complain, warn: complain, info: ignore, debug: ignore, verbose: ignore };
  diag.setLogger(complaints, { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true });
}
