import type { FastifyInstance } from 'fastify';
import { answerHeaders } from '../../chat/answer-headers.ts';
import { collectAnswer } from '../../chat/answer.ts';
import { completionJson } from '../../chat/completion.ts';
import type { Turn } from '../../chat/turns.ts';
import type { Edge } from '../../http/edge.ts';
import type { Exchange } from '../../http/exchange.ts';
import { handler } from '../../http/route.ts';
import { sendJson } from '../../http/send.ts';
import { sendChunks } from '../chat-completions/answers.ts';
import { readVantaBody } from './vanta-body.ts';

/** POST /v1/chat: VANTA's. Its answer is OpenAI's with the text of the first choice on top; its stream is OpenAI's. */
export function vantaChat(app: FastifyInstance, edge: Edge): void {
  app.post(
    '/v1/chat',
    handler(edge, async (request, exchange) => {
      const asked = readVantaBody(request.body);
      const body = asked.withModel(asked.model ?? 'auto');
      const send = body.stream ? sendChunks : sendAnswer;
      return edge.turns.run(exchange, body, (turn) => send(turn, exchange, edge));
    }),
  );
}

async function sendAnswer(turn: Turn, exchange: Exchange, { clock }: Edge): Promise<void> {
  const answer = await collectAnswer(turn);
  const text = JSON.stringify(answer.choices[0]?.content ?? '');
  const json = `{"text":${text},${completionJson(turn, answer).slice(1)}`;
  sendJson(exchange, clock, 200, json, answerHeaders(turn));
}
