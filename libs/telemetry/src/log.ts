import { context, isSpanContextValid, trace } from '@opentelemetry/api';
import { systemClock, type Clock } from '@flotilla/kernel';
import { standardOutputSink, type LogSink } from './log-sink.ts';
import { redact, redactText } from './redact.ts';
import { requestId } from './trace-context.ts';

/** From chatty to silent. */
export const logLevels = ['debug', 'info', 'warn', 'error', 'silent'] as const;
export type LogLevel = (typeof logLevels)[number];

/** Facts next to the message. Secrets and prompts are taken out by key and by shape, but do not put them in. */
export type LogFields = Readonly<Record<string, unknown>>;

export interface Logger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
}

interface LogSettings {
  level: LogLevel;
  sink: LogSink;
  clock: Clock;
  service?: string;
}

let threshold = logLevels.indexOf(levelOf(process.env['FLOTILLA_LOG_LEVEL']));
let sink: LogSink | undefined;
let clock: Clock = systemClock;
let service: string | undefined;

/** Sets what all loggers of the process share. */
export function configureLogs(settings: Partial<LogSettings>): void {
  if (settings.level) threshold = logLevels.indexOf(settings.level);
  sink = settings.sink ?? sink;
  clock = settings.clock ?? clock;
  service = settings.service ?? service;
}

/** A level by name; `info` when there is no such level. */
export function levelOf(name: string | undefined): LogLevel {
  return logLevels.find((level) => level === name) ?? 'info';
}

/**
 * Writes JSON lines: time, level, scope, message, fields, and the request and trace they belong to. Never throws.
 * `scope` is the service or the part of it, e.g. `rag`.
 */
export function logger(scope: string): Logger {
  return {
    debug: (message, fields) => void (threshold > 0 || write('debug', scope, message, fields)),
    info: (message, fields) => void (threshold > 1 || write('info', scope, message, fields)),
    warn: (message, fields) => void (threshold > 2 || write('warn', scope, message, fields)),
    error: (message, fields) => void (threshold > 3 || write('error', scope, message, fields)),
  };
}

function write(level: LogLevel, scope: string, message: string, fields: LogFields | undefined): void {
  try {
    sink ??= standardOutputSink();
    const active = trace.getSpanContext(context.active());
    const traced = active && isSpanContextValid(active) ? active : undefined;
    // Outside of a request's context a caller may name the request itself.
    const { request_id = requestId(), ...rest } = fields ?? {};
    sink(
      JSON.stringify({
        time: new Date(clock.now()).toISOString(),
        level,
        service,
        scope,
        message: redactText(message),
        request_id,
        trace_id: traced?.traceId,
        span_id: traced?.spanId,
        fields: fields && redact(rest),
      }),
    );
  } catch {
    // A value that cannot be read, or an output that is gone: the work that logs goes on.
  }
}
