import { counter } from '@flotilla/telemetry';

export const rollouts = counter({
  name: 'flotilla_fleet_rollouts_total',
  description: 'Rollouts of a new version that came to an end, by outcome: done, given_up.',
});

export const tripped = counter({
  name: 'flotilla_fleet_trips_total',
  description: 'Times that something stopped scaling or a rollout, by kind.',
});
