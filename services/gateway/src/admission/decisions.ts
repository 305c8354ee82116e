import { counter } from '@flotilla/telemetry';

const decisions = counter({
  name: 'flotilla_gateway_admissions_total',
  description: 'Decisions on requests, by who decided (lease, limiter, local; plan: nothing is limited) and outcome',
  unit: '{request}',
});

/** Who decided on a request, and how. */
export const decided = {
  unlimited: decisions.bind({ by: 'plan', outcome: 'allowed' }),
  lease: decisions.bind({ by: 'lease', outcome: 'allowed' }),
  limiter: decisions.bind({ by: 'limiter', outcome: 'allowed' }),
  limiterRefused: decisions.bind({ by: 'limiter', outcome: 'refused' }),
  local: decisions.bind({ by: 'local', outcome: 'allowed' }),
  localRefused: decisions.bind({ by: 'local', outcome: 'refused' }),
};
