import { count, milliseconds } from '../setting-fields.ts';

export const activationSettings = {
  activationTimeoutMs: milliseconds(
    420_000,
    'How long a request may be held while its model starts, its turn at a shared port included. At least the fleet’s own limit of a start, which fails sooner and says why.',
  ),
  maxHeldPerModel: count(256, 'Requests held at once while one model starts. Past it they are refused as overloaded.'),
};
