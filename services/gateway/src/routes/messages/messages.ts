import type { FastifyInstance } from 'fastify';
import { estimatePromptTokens } from '../../admission/prompt-estimate.ts';
import { answerHeaders } from '../../chat/answer-headers.ts';
import { collectAnswer } from '../../chat/answer.ts';
import type { Turn } from '../../chat/turns.ts';
import { AnswerStream } from '../../http/answer-stream.ts';
import type { Edge } from '../../http/edge.ts';
import type { Exchange } from '../../http/exchange.ts';
import { parse } from '../../http/parse.ts';
import { handler, jsonHandler } from '../../http/route.ts';
import { sendJson } from '../../http/send.ts';
import { anthropicErrors, limitHeaders } from './errors.ts';
import { frame, MessageEvents } from './message-events.ts';
import { messageObject, type Wishes } from './message.ts';
import { countSchema, messagesSchema } from './schema.ts';
import { toChat } from './to-chat.ts';

/** POST /v1/messages and /v1/messages/count_tokens, in Anthropic's shapes. */
export function messages(app: FastifyInstance, edge: Edge): void {
  app.post(
    '/v1/messages',
    handler(edge, (request, exchange) => {
      const asked = parse(messagesSchema, request.body);
      const body = toChat(asked);
      const wishes = {
        thinking: asked.thinking !== undefined && asked.thinking.type !== 'disabled',
        stopSequences: asked.stop_sequences ?? [],
      };
      const send = body.stream ? sendEvents : sendMessage;
      return edge.turns.run(exchange, body, (turn) => send(turn, wishes, exchange, edge));
    }),
  );
  app.post(
    '/v1/messages/count_tokens',
    jsonHandler(edge, async (request, exchange) => {
      exchange.headers.push('request-id', exchange.publicId);
      const prompt = parse(countSchema, request.body);
      return { input_tokens: estimatePromptTokens(toChat({ ...prompt, max_tokens: 1 })) };
    }),
  );
}

function headersOf(turn: Turn, exchange: Exchange, edge: Edge): string[] {
  const limits = limitHeaders(turn.grant.limits, edge.clock.now());
  return ['request-id', exchange.publicId, ...answerHeaders(turn), ...limits];
}

async function sendMessage(turn: Turn, wishes: Wishes, exchange: Exchange, edge: Edge): Promise<void> {
  const message = messageObject(turn.id, await collectAnswer(turn), wishes);
  sendJson(exchange, edge.clock, 200, JSON.stringify(message), headersOf(turn, exchange, edge));
}

/** Before the first byte an error is an HTTP status; after it, an `error` event and no message_stop. */
async function sendEvents(turn: Turn, wishes: Wishes, exchange: Exchange, edge: Edge): Promise<void> {
  const events = new MessageEvents(turn, estimatePromptTokens(turn.body), wishes);
  const stream = new AnswerStream(exchange, edge, () => headersOf(turn, exchange, edge));
  try {
    for await (const event of turn.events) {
      const drained = stream.write(events.take(event));
      if (drained) await drained;
    }
    events.end();
  } catch (thrown) {
    return stream.fail(thrown, (error) => frame('error', anthropicErrors.body(error, exchange.publicId)));
  }
  stream.end('');
}
