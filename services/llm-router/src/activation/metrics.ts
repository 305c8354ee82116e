import { gauge, histogram, llmSeconds } from '@flotilla/telemetry';

export const heldRequests = gauge({
  name: 'flotilla_router_held_requests',
  description: 'Requests held while their model starts, by provider',
  unit: '{request}',
});

export const holdSeconds = histogram({
  name: 'flotilla_router_hold_duration_seconds',
  description: 'How long requests were held while their model started, by provider and outcome',
  unit: 's',
  buckets: llmSeconds,
});
