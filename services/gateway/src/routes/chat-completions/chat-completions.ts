import type { FastifyInstance } from 'fastify';
import { readChatBody } from '../../chat/chat-body.ts';
import type { Edge } from '../../http/edge.ts';
import { handler } from '../../http/route.ts';
import { sendChunks, sendCompletion } from './answers.ts';

/** POST /v1/chat/completions */
export function chatCompletions(app: FastifyInstance, edge: Edge): void {
  app.post(
    '/v1/chat/completions',
    handler(edge, (request, exchange) => {
      const body = readChatBody(request.body);
      const send = body.stream ? sendChunks : sendCompletion;
      return edge.turns.run(exchange, body, (turn) => send(turn, exchange, edge));
    }),
  );
}
