import { z } from 'zod';

const milliseconds = (value: number) => z.coerce.number().int().positive().default(value);

/** Settings of regions, part of the gateway's. Where the others are stands in the platform's file, under `regions.peers`. */
export const regionSettings = {
  region: z
    .string()
    .regex(/^[a-z0-9][a-z0-9._-]{0,62}$/i)
    .optional()
    .describe(
      'The name of the region this gateway serves, as its peers call it. Absent: requests are neither forwarded nor marked.',
    ),
  regionSecret: z
    .string()
    .min(16)
    .optional()
    .describe(
      'Secret that the gateways of all regions share: who shows it is told which models are ready here and how soon they answer. Absent: peers learn only whether this one is ready.',
    ),
  regionProbeMs: milliseconds(1_000).describe('Milliseconds between two probes of a peer.'),
  regionMarginMs: z.coerce
    .number()
    .int()
    .nonnegative()
    .default(200)
    .describe(
      'Milliseconds by which a peer’s first token must be sooner than ours before a request leaves home for it.',
    ),
  regionMaxHops: z.coerce
    .number()
    .int()
    .min(0)
    .max(4)
    .default(1)
    .describe('How often a request may be forwarded from one region to the next; 0: never.'),
};

export type RegionSettings = z.infer<z.ZodObject<typeof regionSettings>>;
