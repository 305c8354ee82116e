import type { common } from '@flotilla/contracts';
import type { FlotillaError } from '@flotilla/kernel';
import { endSpan, recordsSpans, startSpan, traceparent, withSpan, type Span } from '@flotilla/telemetry';
import type { EndpointFacts } from '../endpoints/endpoint.ts';
import { metricsOf, type ModelMetrics } from './metrics.ts';
import type { Resolution } from '../registry/registry.ts';

/** What metrics and the trace tell of one Generate call. Times are the clock's monotonic milliseconds. */
export class GenerationRecord {
  readonly #resolution: Resolution;
  readonly #stream: boolean;
  readonly #startedAt: number;
  #span: Span | undefined;
  #metrics: ModelMetrics | undefined;
  #firstTokenAt = 0;
  /** The W3C trace context that engines are given; undefined outside of any trace. */
  #parent: string | undefined;

  constructor(resolution: Resolution, stream: boolean, startedAt: number) {
    this.#resolution = resolution;
    this.#stream = stream;
    this.#startedAt = startedAt;
  }

  /** Call it where the caller's trace is the active one. */
  begin(): void {
    if (recordsSpans()) {
      const { name } = this.#resolution;
      const attributes = { 'gen_ai.operation.name': 'chat', 'gen_ai.request.model': name };
      this.#span = startSpan(`chat ${name}`, attributes, { kind: 'client' });
    }
    this.#parent = this.#span ? withSpan(this.#span, traceparent) : traceparent();
  }

  /** An engine is tried. Adds the trace to its headers. */
  attempt({ provider, id }: EndpointFacts, model: string, headers: string[]): void {
    // A name that only the client gave becomes no label.
    this.#metrics = metricsOf('chat', this.#resolution.listed ? this.#resolution.name : 'other', provider);
    this.#metrics.inFlight.add(1);
    this.#span?.setAttributes({
      'gen_ai.provider.name': provider,
      'gen_ai.response.model': model,
      'flotilla.endpoint': id,
    });
    if (this.#parent !== undefined) headers.push('traceparent', this.#parent);
  }

  attemptEnded(): void {
    this.#metrics?.inFlight.add(-1);
  }

  firstToken(now: number): void {
    this.#firstTokenAt = now;
    if (!this.#stream) return;
    this.#metrics!.firstToken.record((now - this.#startedAt) / 1_000);
    this.#span?.addEvent('first_token');
  }

  finished(usage: common.Usage, now: number): void {
    const metrics = this.#metrics!;
    metrics.duration.record((now - this.#startedAt) / 1_000);
    metrics.inputTokens.record(usage.promptTokens);
    metrics.outputTokens.record(usage.completionTokens);
    if (this.#stream && usage.completionTokens > 1) {
      metrics.perToken.record((now - this.#firstTokenAt) / 1_000 / (usage.completionTokens - 1));
    }
    if (!this.#span) return;
    this.#span.setAttributes({
      'gen_ai.usage.input_tokens': usage.promptTokens,
      'gen_ai.usage.output_tokens': usage.completionTokens,
    });
    endSpan(this.#span);
  }

  failed(error: FlotillaError, now: number): void {
    this.#metrics?.failed((now - this.#startedAt) / 1_000, error.code);
    if (this.#span) endSpan(this.#span, error);
  }
}
