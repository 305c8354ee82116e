import { counter, histogram, rpcSeconds } from '@flotilla/telemetry';

export const changes = counter({
  name: 'flotilla_router_payload_changes_total',
  description: 'What was changed in requests before engines got them',
});
export const refusals = counter({
  name: 'flotilla_router_payload_refusals_total',
  description: 'Requests refused for what they hold',
});
export const imageSeconds = histogram({
  name: 'flotilla_router_image_duration_seconds',
  description: 'Reading and scaling the images of one request, waiting for a worker included',
  unit: 's',
  buckets: rpcSeconds,
});
