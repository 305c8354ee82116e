import type { router } from '@flotilla/contracts';
import { FlotillaError, sleep, toFlotillaError } from '@flotilla/kernel';
import type { Engines, Running } from './engines.ts';
import { Attempts } from './failover.ts';
import { metricsOf } from './metrics.ts';
import { lateFailure } from '../providers/engine-errors.ts';
import type { EngineCall, Receiver } from '../providers/exchange.ts';
import { EngineFailure, type EmbedAnswer } from '../providers/provider.ts';
import { WholeBody } from '../providers/whole-body.ts';
import type { Resolution } from '../registry/registry.ts';
import type { Target } from '../providers/target.ts';
import { estimatedUsage } from './usage.ts';
import type { Watched } from '../providers/watchdog.ts';

/** Embeds texts in batches, one after another; each may fail over to another engine of the same model. */
export async function embed(
  engines: Engines,
  resolution: Resolution,
  request: router.EmbedRequest,
  signal: AbortSignal,
): Promise<router.EmbedResponse> {
  const { inputs } = request;
  const { embedBatch, embedMaxInputs } = engines.config;
  if (inputs.length > embedMaxInputs) {
    throw new FlotillaError('invalid_request', `At most ${embedMaxInputs} inputs go into one request.`, {
      details: { param: 'input' },
    });
  }
  const embeddings: router.Embedding[] = [];
  const usage = { promptTokens: 0, completionTokens: 0, cachedTokens: 0, estimated: false };
  for (let at = 0; at < inputs.length; at += embedBatch) {
    const batch = inputs.slice(at, at + embedBatch);
    const answer = await embedBatchOnce(engines, resolution, batch, request.caller?.requestId ?? '', signal);
    for (const values of answer.vectors) embeddings.push({ values });
    const used =
      answer.usage ??
      estimatedUsage(
        batch.reduce((sum, text) => sum + text.length, 0),
        0,
      );
    usage.promptTokens += used.promptTokens;
    usage.estimated ||= used.estimated;
  }
  return { model: resolution.name, embeddings, usage, price: resolution.routes[0]?.price };
}

async function embedBatchOnce(
  engines: Engines,
  resolution: Resolution,
  inputs: readonly string[],
  requestId: string,
  signal: AbortSignal,
): Promise<EmbedAnswer> {
  const attempts = new Attempts(engines, resolution, requestId);
  const startedAt = engines.clock.monotonic();
  for (;;) {
    const target = attempts.next();
    const pause = attempts.pauseBefore(target);
    if (pause > 0) await sleep(engines.clock, pause, signal).catch(() => undefined);
    const metrics = metricsOf(
      'embeddings',
      resolution.listed ? resolution.name : 'other',
      target.endpoint.facts.provider,
    );
    metrics.inFlight.add(1);
    try {
      const answer = target.adapter.embeddings(
        await new EmbedCall(engines, target, inputs, requestId, signal).result,
        inputs,
      );
      attempts.ended(target, 'answered');
      metrics.duration.record((engines.clock.monotonic() - startedAt) / 1_000);
      if (answer.usage) metrics.inputTokens.record(answer.usage.promptTokens);
      return answer;
    } catch (error) {
      if (!(error instanceof EngineFailure)) {
        attempts.ended(target, 'cancelled');
        throw error;
      }
      if (!attempts.failed(target, error)) {
        metrics.failed((engines.clock.monotonic() - startedAt) / 1_000, error.error.code);
        throw error.error;
      }
    } finally {
      metrics.inFlight.add(-1);
    }
  }
}

/** One batch on one engine: its body, whole. Rejects with an EngineFailure, or a FlotillaError when the caller left. */
class EmbedCall implements Receiver, Running, Watched {
  readonly result: Promise<string>;
  readonly #engines: Engines;
  readonly #signal: AbortSignal;
  readonly #body = new WholeBody();
  readonly #startedAt: number;
  #call: EngineCall | undefined;
  #resolve!: (text: string) => void;
  #reject!: (error: Error) => void;

  constructor(engines: Engines, target: Target, inputs: readonly string[], requestId: string, signal: AbortSignal) {
    this.#engines = engines;
    this.#signal = signal;
    this.#startedAt = engines.clock.monotonic();
    this.result = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    if (signal.aborted) {
      this.#reject(toFlotillaError(signal.reason));
      return;
    }
    signal.addEventListener('abort', this, { once: true });
    engines.enter(this);
    engines.watchdog.add(this);
    this.#call = engines.client.embed(target, inputs, target.headers(requestId), this);
  }

  data(bytes: Buffer): void {
    try {
      this.#body.write(bytes);
    } catch (error) {
      this.#call?.abort();
      this.fail(error as EngineFailure);
    }
  }

  end(): void {
    this.#close();
    this.#resolve(this.#body.text());
  }

  fail(failure: Error): void {
    this.#close();
    this.#reject(failure);
  }

  handleEvent(): void {
    this.#call?.abort();
    this.fail(toFlotillaError(this.#signal.reason));
  }

  abandon(): void {
    this.#call?.abort();
    this.fail(new FlotillaError('unavailable', 'The router is shutting down.'));
  }

  check(now: number): void {
    const { embedTimeoutMs } = this.#engines.config;
    if (now - this.#startedAt <= embedTimeoutMs) return;
    this.#call?.abort();
    this.fail(lateFailure(`The engine sent no embeddings within ${embedTimeoutMs / 1_000} s.`, true));
  }

  #close(): void {
    this.#signal.removeEventListener('abort', this);
    this.#engines.watchdog.remove(this);
    this.#engines.leave(this);
  }
}
