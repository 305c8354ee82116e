import type { safety } from '@flotilla/contracts';
import { FlotillaError, toFlotillaError } from '@flotilla/kernel';
import { counter } from '@flotilla/telemetry';
import type { FastifyInstance } from 'fastify';
import { rateHeaders } from '../../admission/rate-headers.ts';
import type { Edge } from '../../http/edge.ts';
import type { Exchange } from '../../http/exchange.ts';
import { jsonHandler } from '../../http/route.ts';
import { readModerationInput } from './moderation-input.ts';
import { moderationResult } from './result.ts';

const moderated = counter({
  name: 'flotilla_gateway_moderations_total',
  description: 'Texts that clients had checked',
  unit: '{input}',
});

/** POST /v1/moderations: what the safety rules find in a text. */
export function moderations(app: FastifyInstance, edge: Edge): void {
  app.post(
    '/v1/moderations',
    jsonHandler(edge, async (request, exchange) => {
      const texts = readModerationInput(request.body);
      const checkAll = () => Promise.all(texts.map((content) => check(edge, exchange, content)));
      const { result, grant } = await edge.turns.check(exchange, checkAll);
      exchange.headers.push(...rateHeaders(grant.limits));
      const results = result.map(moderationResult);
      for (const { flagged } of results) moderated.add(1, { flagged: String(flagged) });
      return { id: `modr-${exchange.id.slice(exchange.id.indexOf('_') + 1)}`, model: 'flotilla-safety', results };
    }),
  );
}

async function check(edge: Edge, { caller, signal }: Exchange, content: string): Promise<safety.CheckResponse> {
  const message = { role: 'user', content, partsJson: '', name: '', toolCallId: '', toolCallsJson: '' };
  try {
    const timeoutMs = edge.config.moderationTimeoutMs;
    return await edge.safety.check({ caller, messages: [message] }, { signal, timeoutMs });
  } catch (cause) {
    const { code } = toFlotillaError(cause);
    if (code !== 'deadline_exceeded' && code !== 'unavailable') throw cause;
    throw new FlotillaError('safety_unavailable', 'The safety check did not answer in time. Try again.', { cause });
  }
}
