import { z } from 'zod';

const count = (value: number) => z.coerce.number().int().positive().default(value);

/** Settings of who decides on a request, part of the gateway's. */
export const admissionSettings = {
  limitsTimeoutMs: count(50).describe(
    'Milliseconds the rate limiter may take. After that local limits of twice the size decide, counted and logged.',
  ),
  leaseTtlMs: count(2_000).describe(
    'Milliseconds a lease of a tier in lease mode is used. Longer asks the limiter less often and holds more of what other gateways could use.',
  ),
  leaseRequests: count(10_000).describe('Requests taken in advance in one lease at most.'),
};
