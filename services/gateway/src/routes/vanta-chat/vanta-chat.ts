import { FlotillaError } from '@flotilla/kernel';
import type { FastifyInstance } from 'fastify';
import { rateHeaders } from '../../admission/rate-headers.ts';
import { collectAnswer } from '../../chat/answer.ts';
import { completionJson } from '../../chat/completion.ts';
import type { Turn } from '../../chat/turns.ts';
import type { Edge } from '../../http/edge.ts';
import type { Exchange } from '../../http/exchange.ts';
import { handler } from '../../http/route.ts';
import { sendJson } from '../../http/send.ts';
import { sendChunks } from '../chat-completions/answers.ts';
import { usableModels } from '../models/usable-models.ts';
import { readVantaBody } from './vanta-body.ts';

/** POST /v1/chat: VANTA's. Its answer is OpenAI's with the text of the first choice on top; its stream is OpenAI's. */
export function vantaChat(app: FastifyInstance, edge: Edge): void {
  app.post(
    '/v1/chat',
    handler(edge, async (request, exchange) => {
      const asked = readVantaBody(request.body);
      const body = asked.withModel(asked.model ?? (await chooseModel(edge, exchange)));
      const send = body.stream ? sendChunks : sendAnswer;
      return edge.turns.run(exchange, body, (turn) => send(turn, exchange, edge));
    }),
  );
}

async function sendAnswer(turn: Turn, exchange: Exchange, { clock }: Edge): Promise<void> {
  const answer = await collectAnswer(turn);
  const text = JSON.stringify(answer.choices[0]?.content ?? '');
  const json = `{"text":${text},${completionJson(turn, answer).slice(1)}`;
  sendJson(exchange, clock, 200, json, rateHeaders(turn.grant.limits));
}

/** The first model by name that chats and answers now; else the first that chats. */
async function chooseModel(edge: Edge, exchange: Exchange): Promise<string> {
  const chatting = (await usableModels(edge, exchange)).filter(({ capabilities }) => capabilities.includes('chat'));
  const chosen = chatting.find(({ ready }) => ready) ?? chatting[0];
  if (chosen) return chosen.name;
  const message = "There is no model that chats and that this key may use. Name one as 'model', or ask who runs this.";
  throw new FlotillaError('model_not_found', message, { details: { param: 'model' } });
}
