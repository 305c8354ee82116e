import { counter, gauge, histogram, llmSeconds } from '@flotilla/telemetry';

// Labels come from the platform's file: as many as its experiments have arms.
export const armRequests = counter({
  name: 'flotilla_router_experiment_requests_total',
  description: 'Answers by the arm of an experiment and by how they ended',
  unit: '{request}',
});
export const armFirstToken = histogram({
  name: 'flotilla_router_experiment_time_to_first_token',
  description: 'From the request to the first token of a streamed answer, by the arm of an experiment',
  unit: 's',
  buckets: llmSeconds,
});
export const armTokens = counter({
  name: 'flotilla_router_experiment_tokens_total',
  description: 'Tokens of answers by the arm of an experiment',
  unit: '{token}',
});
export const canaryStopped = gauge({
  name: 'flotilla_router_canary_stopped',
  description: 'Whether this router stopped an arm because it did worse than its control',
  unit: '{arm}',
});
export const mirrored = counter({
  name: 'flotilla_router_mirrored_total',
  description: 'Requests that were drawn to be sent to another model too, by what became of that',
  unit: '{request}',
});
