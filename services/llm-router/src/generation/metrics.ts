import {
  counter,
  gauge,
  histogram,
  llmSeconds,
  tokenCounts,
  type BoundCounter,
  type BoundGauge,
  type BoundHistogram,
} from '@flotilla/telemetry';

/** Seconds for one token: 1 ms to 2.5 s, as OpenTelemetry's gen_ai conventions name them. */
const tokenSeconds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 2.5];

const duration = histogram({
  name: 'gen_ai.server.request.duration',
  description: 'From the request to the end of its answer',
  unit: 's',
  buckets: llmSeconds,
});
const firstToken = histogram({
  name: 'gen_ai.server.time_to_first_token',
  description: 'From the request to the first token of its answer, failovers included',
  unit: 's',
  buckets: llmSeconds,
});
const perToken = histogram({
  name: 'gen_ai.server.time_per_output_token',
  description: 'Mean time between two tokens of a streamed answer',
  unit: 's',
  buckets: tokenSeconds,
});
const tokens = histogram({
  name: 'gen_ai.client.token.usage',
  description: 'Tokens of one request, as the engine counted them',
  unit: '{token}',
  buckets: tokenCounts,
});
const cost = counter({
  name: 'flotilla_router_cost_usd_total',
  description: 'What finished chats cost, by the prices of their models',
  unit: 'USD',
});
const inFlight = gauge({
  name: 'flotilla_router_in_flight',
  description: 'Requests that run on engines now',
  unit: '{request}',
});
export const failovers = counter({
  name: 'flotilla_router_failovers_total',
  description: 'Tries that ended without a token and went on to another engine, if there was one',
  unit: '{failover}',
});

export const refusedRetries = counter({
  name: 'flotilla_router_retries_refused_total',
  description: 'Further tries that the retry budget did not allow',
  unit: '{try}',
});
export const hedges = counter({
  name: 'flotilla_router_hedges_total',
  description: 'Requests for which a second engine was asked before the first had sent a token, by which one was first',
  unit: '{request}',
});
export const continuations = counter({
  name: 'flotilla_router_continuations_total',
  description: 'Answers whose engine failed after the first token, by what became of them',
  unit: '{answer}',
});

export interface ModelMetrics {
  readonly duration: BoundHistogram;
  readonly firstToken: BoundHistogram;
  readonly perToken: BoundHistogram;
  readonly inputTokens: BoundHistogram;
  readonly outputTokens: BoundHistogram;
  readonly cost: BoundCounter;
  readonly inFlight: BoundGauge;
  failed(seconds: number, code: string): void;
}

export type Operation = 'chat' | 'embeddings';

/** Pairs of model and provider with series of their own; clients of a provider that takes any name can make up more. */
const maxModels = 200;
const models = new Map<string, ModelMetrics>();

/** The instruments of one model at one provider, found by labels once. */
export function metricsOf(operation: Operation, model: string, provider: string): ModelMetrics {
  const key = `${operation} ${provider} ${model}`;
  const known = models.get(key);
  if (known) return known;
  if (models.size >= maxModels && model !== 'other') return metricsOf(operation, 'other', provider);
  const labels = {
    'gen_ai.operation.name': operation,
    'gen_ai.request.model': model,
    'gen_ai.provider.name': provider,
  };
  const bound: ModelMetrics = {
    duration: duration.bind(labels),
    firstToken: firstToken.bind(labels),
    perToken: perToken.bind(labels),
    inputTokens: tokens.bind({ ...labels, 'gen_ai.token.type': 'input' }),
    outputTokens: tokens.bind({ ...labels, 'gen_ai.token.type': 'output' }),
    cost: cost.bind({ model, provider }),
    inFlight: inFlight.bind({ model, provider }),
    failed: (seconds, code) => duration.record(seconds, { ...labels, 'error.type': code }),
  };
  models.set(key, bound);
  return bound;
}
