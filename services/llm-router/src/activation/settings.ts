import { z } from 'zod';

export const activationSettings = {
  activationTimeoutMs: z.coerce
    .number()
    .int()
    .positive()
    .default(420_000)
    .describe(
      'Milliseconds. How long a request may be held while its model starts, its turn at a shared port included. At least the fleet’s own limit of a start, which fails sooner and says why.',
    ),
  maxHeldPerModel: z.coerce
    .number()
    .int()
    .positive()
    .default(256)
    .describe('Requests held at once while one model starts. Past it they are refused as overloaded.'),
};
