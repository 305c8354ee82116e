import { z } from 'zod';
import { milliseconds } from '../setting-fields.ts';

const share = (value: number, text: string) => z.coerce.number().min(0).max(1).default(value).describe(text);

/** Settings of failing over, of hedging and of continuing. */
export const generationSettings = {
  retryShare: share(
    0.2,
    'Further tries of requests whose engine failed, as a share of the requests of the last 10 s (or of those under way, if these are more). Past it and the minimum a failure is told at once, so that failovers never become a storm.',
  ),
  retryMinPerSecond: z.coerce
    .number()
    .int()
    .nonnegative()
    .default(10)
    .describe('Further tries a second that are allowed in any case, as a mean over 10 s.'),
  retryBackoffMs: milliseconds(
    40,
    'The longest pause before an engine that reset its connection is tried again; the pause is drawn at random. Another engine is tried without one.',
  ),
  retryAfterMaxMs: milliseconds(
    60_000,
    'The longest time that a model is not asked of an engine which said retry-after.',
  ),
  continueAnswers: z.coerce
    .number()
    .int()
    .min(0)
    .max(5)
    .default(2)
    .describe(
      'How often an answer that broke after its first token may go on at another engine of the same model: plain text of one choice, at engines that can take up an answer (vLLM). 0: never; it then ends with an explicit failure.',
    ),
  hedge: z
    .enum(['off', 'own', 'all'])
    .default('off')
    .describe(
      'Whether a second engine is asked when the first one has sent no token for as long as 95 % of the model’s requests take; the first token wins and the other engine is aborted. `own`: only among engines of one’s own (vLLM, Ollama). `all`: also at hosted providers, which charge for both.',
    ),
  hedgeShare: share(0.05, 'Second engines asked in advance, as a share of the requests of the last 10 s.'),
  hedgeMinMs: milliseconds(200, 'A second engine is never asked sooner than this.'),
  waitingEveryMs: milliseconds(
    10_000,
    'While no token came, how often the caller is told that it is still waited for, so that edges keep the connection alive.',
  ),
};
