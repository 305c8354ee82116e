import { FlotillaError, toFlotillaError } from '@flotilla/kernel';
import type { FastifyInstance } from 'fastify';
import { rateHeaders } from '../../admission/rate-headers.ts';
import { readChatBody } from '../../chat/chat-body.ts';
import { ChunkRelay } from '../../chat/chunk-relay.ts';
import { sseFrame } from '../../chat/chunks.ts';
import { CompletionBuilder } from '../../chat/completion.ts';
import type { Turn } from '../../chat/turns.ts';
import type { Edge } from '../../http/edge.ts';
import { errorBody } from '../../http/error-shape.ts';
import type { Exchange } from '../../http/exchange.ts';
import { handler } from '../../http/route.ts';
import { commonHeaders, sendJson } from '../../http/send.ts';
import { SseResponse } from '../../http/sse-response.ts';

/** POST /v1/chat/completions */
export function chatCompletions(app: FastifyInstance, edge: Edge): void {
  app.post(
    '/v1/chat/completions',
    handler(edge, (request, exchange) => {
      const body = readChatBody(request.body);
      return edge.turns.run(exchange, body, (turn) =>
        body.stream ? streamAnswer(turn, exchange, edge) : wholeAnswer(turn, exchange, edge),
      );
    }),
  );
}

async function wholeAnswer(turn: Turn, exchange: Exchange, { clock }: Edge): Promise<void> {
  const { id, created, body, grant, events } = turn;
  const completion = new CompletionBuilder(id, created, body.model, body.conversationId);
  for await (const event of events) completion.add(event);
  sendJson(exchange, clock, 200, completion.finish(), rateHeaders(grant.limits));
}

/** Before the first byte an error is an HTTP status; after it, a frame that carries `error`, and no [DONE]. */
async function streamAnswer(turn: Turn, exchange: Exchange, { clock, config }: Edge): Promise<void> {
  const { response } = exchange;
  const relay = new ChunkRelay(turn, sseFrame);
  const sse = new SseResponse(response, clock, config.stallTimeoutMs);
  const open = () => sse.open([...commonHeaders(exchange, clock), ...rateHeaders(turn.grant.limits)]);
  try {
    for await (const event of turn.events) {
      const text = relay.take(event);
      if (text === '') continue;
      if (!response.headersSent) open();
      sse.write(text);
      const drained = sse.drained();
      if (drained) await drained;
    }
    relay.end();
  } catch (thrown) {
    if (!response.headersSent) throw thrown;
    const error = thrown instanceof FlotillaError ? thrown : toFlotillaError(thrown);
    exchange.code = error.code;
    return sse.end(`data: ${JSON.stringify({ error: errorBody(error) })}\n\n`);
  }
  if (!response.headersSent) open();
  sse.end('data: [DONE]\n\n');
}
