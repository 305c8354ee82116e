import type { common } from '@flotilla/contracts';
import { costMicros, type FlotillaError, type ModelPrice } from '@flotilla/kernel';
import { endSpan, recordsSpans, startSpan, traceparent, withSpan, type Span } from '@flotilla/telemetry';
import type { EndpointFacts } from '../endpoints/endpoint.ts';
import { metricsOf, type ModelMetrics } from './metrics.ts';
import type { Plan } from './plan.ts';

/** How an answer ended, for those who compare. */
export interface AnswerOutcome {
  /** Undefined: it ended well. */
  readonly error: FlotillaError | undefined;
  /** From the request to the first token of a stream, in milliseconds. */
  readonly firstTokenMs: number | undefined;
  readonly usage: common.Usage | undefined;
  /** Engines that failed on the way, whether another one answered or not. */
  readonly failures: number;
}

/** What metrics and the trace tell of one Generate call. Times are the clock's monotonic milliseconds. */
export class GenerationRecord {
  readonly #plan: Plan;
  readonly #startedAt: number;
  readonly #told: ((plan: Plan, outcome: AnswerOutcome) => void) | undefined;
  #span: Span | undefined;
  /** Of the engine that answers, or was asked last. */
  #metrics: ModelMetrics | undefined;
  #firstTokenAt: number | undefined;
  /** Of the engine that answers. */
  #price: ModelPrice | undefined;
  #attempts = 0;
  #failures = 0;
  /** The W3C trace context that engines are given; undefined outside of any trace. */
  #parent: string | undefined;

  constructor(plan: Plan, startedAt: number, told: ((plan: Plan, outcome: AnswerOutcome) => void) | undefined) {
    this.#plan = plan;
    this.#startedAt = startedAt;
    this.#told = told;
  }

  /** Call it where the caller's trace is the active one. */
  begin(): void {
    if (recordsSpans()) {
      const { resolution, routing } = this.#plan;
      const attributes = { 'gen_ai.operation.name': 'chat', 'gen_ai.request.model': resolution.name };
      this.#span = startSpan(`chat ${resolution.name}`, attributes, { kind: 'client' });
      if (routing.experiment !== '') {
        this.#span.setAttributes({ 'flotilla.experiment': routing.experiment, 'flotilla.arm': routing.arm });
      }
    }
    this.#parent = this.#span ? withSpan(this.#span, traceparent) : traceparent();
  }

  /** An engine is tried. Adds the trace to its headers. */
  attempt({ provider, id }: EndpointFacts, model: string, headers: string[]): ModelMetrics {
    const { resolution } = this.#plan;
    // A name that only the client gave becomes no label.
    const metrics = metricsOf('chat', resolution.listed ? resolution.name : 'other', provider);
    metrics.inFlight.add(1);
    this.#metrics = metrics;
    this.#attempts += 1;
    this.#span?.setAttributes({
      'gen_ai.provider.name': provider,
      'gen_ai.response.model': model,
      'flotilla.endpoint': id,
      'flotilla.attempts': this.#attempts,
    });
    if (this.#parent !== undefined) headers.push('traceparent', this.#parent);
    return metrics;
  }

  /** An engine failed, before its first token or after it. */
  engineFailed(): void {
    this.#failures += 1;
  }

  /** Something happened on the way, for the trace. */
  note(event: string): void {
    this.#span?.addEvent(event);
  }

  /** The engine of these metrics answers. */
  firstToken(metrics: ModelMetrics, now: number, price: ModelPrice | undefined): void {
    this.#metrics = metrics;
    this.#price = price;
    this.#firstTokenAt = now;
    if (!this.#plan.request.stream) return;
    metrics.firstToken.record((now - this.#startedAt) / 1_000);
    this.#span?.addEvent('first_token');
  }

  finished(usage: common.Usage, now: number): void {
    const metrics = this.#metrics!;
    metrics.duration.record((now - this.#startedAt) / 1_000);
    metrics.inputTokens.record(usage.promptTokens);
    metrics.outputTokens.record(usage.completionTokens);
    metrics.cost.add(costMicros(usage, this.#price) / 1_000_000);
    if (this.#plan.request.stream && usage.completionTokens > 1) {
      metrics.perToken.record((now - this.#firstTokenAt!) / 1_000 / (usage.completionTokens - 1));
    }
    this.#tell(undefined, usage);
    if (!this.#span) return;
    this.#span.setAttributes({
      'gen_ai.usage.input_tokens': usage.promptTokens,
      'gen_ai.usage.output_tokens': usage.completionTokens,
    });
    endSpan(this.#span);
  }

  failed(error: FlotillaError, now: number): void {
    this.#metrics?.failed((now - this.#startedAt) / 1_000, error.code);
    this.#tell(error, undefined);
    if (this.#span) endSpan(this.#span, error);
  }

  #tell(error: FlotillaError | undefined, usage: common.Usage | undefined): void {
    const { stream } = this.#plan.request;
    const firstTokenMs = stream && this.#firstTokenAt !== undefined ? this.#firstTokenAt - this.#startedAt : undefined;
    this.#told?.(this.#plan, { error, firstTokenMs, usage, failures: this.#failures });
  }
}
