import { z } from 'zod';
import { activationSettings } from './activation/settings.ts';
import { cacheSettings } from './cache/settings.ts';
import { generationSettings } from './generation/settings.ts';
import { payloadSettings } from './payload/settings.ts';
import { providerSettings } from './providers/settings.ts';
import { registrySettings } from './registry/settings.ts';
import { count, milliseconds } from './setting-fields.ts';
import { transcriptSettings } from './transcripts/settings.ts';

/** `FLOTILLA_ROUTER_*`. */
export const routerConfigSchema = z.object({
  connectTimeoutMs: milliseconds(2_000, 'How long an engine may take to accept a connection, TLS included.'),
  firstTokenTimeoutMs: milliseconds(
    120_000,
    'From the request to the first token of a streamed answer, queueing in the engine included. Past it the next engine is tried. For an answer in one piece only the total holds.',
  ),
  idleTimeoutMs: milliseconds(60_000, 'The longest pause between two tokens of a stream. Past it the stream fails.'),
  totalTimeoutMs: milliseconds(600_000, 'The whole answer, failovers included.'),
  embedTimeoutMs: milliseconds(30_000, 'One batch of embeddings.'),
  maxAttempts: count(
    3,
    'Engines tried for one request before its first token. More hides failures longer and loads the engines that are left.',
  ),
  ...generationSettings,
  maxInFlightPerEndpoint: count(
    1_024,
    'Requests under way on one engine (each holds a connection). Past it the engine is passed over; when all are full the request is refused as overloaded.',
  ),
  ejectBaseMs: milliseconds(
    2_000,
    'How long an engine that could not be reached is set aside; doubles with each failure in a row.',
  ),
  ejectMaxMs: milliseconds(30_000, 'The longest an engine is set aside.'),
  embedBatch: count(64, 'Texts sent to an engine in one embeddings request.'),
  embedMaxInputs: count(2_048, 'Texts in one Embed call (OpenAI takes 2,048).'),
  zone: z
    .string()
    .min(1)
    .optional()
    .describe(
      'Where this router stands, as `zone` of the providers has it. Engines of its own zone are preferred while they are not much busier than others. Absent: all are alike.',
    ),
  fleetRefreshMs: milliseconds(10_000, 'How often the engines are asked of the fleet, beside its events.'),
  ...activationSettings,
  ...providerSettings,
  ...registrySettings,
  ...payloadSettings,
  ...transcriptSettings,
  ...cacheSettings,
});

export type RouterConfig = z.infer<typeof routerConfigSchema>;

export const defaults: RouterConfig = routerConfigSchema.parse({});
