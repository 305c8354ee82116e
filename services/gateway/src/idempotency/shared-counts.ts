import { counter } from '@flotilla/telemetry';

const shared = counter({
  name: 'flotilla_gateway_shared_answers_total',
  description:
    'Requests answered without a run of their own: from a kept answer (replayed), from the first one under way (followed), or with others that asked to share (coalesced)',
  unit: '{request}',
});

export const replayed = shared.bind({ how: 'replayed' });
export const followed = shared.bind({ how: 'followed' });
export const coalesced = shared.bind({ how: 'coalesced' });
