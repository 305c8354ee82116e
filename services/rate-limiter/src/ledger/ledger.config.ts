import { z } from 'zod';

/** Settings of the ledger, a part of the rate limiter's. */
export const ledgerConfigFields = {
  ledgerTimeoutMs: z.coerce
    .number()
    .int()
    .min(100)
    .default(5_000)
    .describe(
      'Milliseconds that one statement of the ledger may take. Past it the usage stays on the bus and comes again: nothing is lost or doubled.',
    ),
  quotaLogRetentionDays: z.coerce
    .number()
    .int()
    .min(8)
    .default(400)
    .describe(
      'Days that the ledger keeps each request; sums by day stay. More than the bus keeps an event (7 days), or one that comes again late would count twice.',
    ),
};
