import { counter } from '@flotilla/telemetry';

export const decisions = counter({
  name: 'flotilla_fleet_scaling_decisions_total',
  description: 'Decisions that changed how many replicas a Model is to have, by mode and direction.',
});
