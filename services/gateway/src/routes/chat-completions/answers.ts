import { answerHeaders } from '../../chat/answer-headers.ts';
import { AnswerStream } from '../../http/answer-stream.ts';
import type { Edge } from '../../http/edge.ts';
import { errorBody } from '../../http/error-shape.ts';
import type { Exchange } from '../../http/exchange.ts';
import { sendJson } from '../../http/send.ts';
import { collectAnswer } from '../../chat/answer.ts';
import { ChunkRelay } from '../../chat/chunk-relay.ts';
import { sseFrame } from '../../chat/chunks.ts';
import { completionJson } from '../../chat/completion.ts';
import type { Turn } from '../../chat/turns.ts';

export async function sendCompletion(turn: Turn, exchange: Exchange, { clock }: Edge): Promise<void> {
  const answer = await collectAnswer(turn);
  sendJson(exchange, clock, 200, completionJson(turn, answer), answerHeaders(turn));
}

/** Before the first byte an error is an HTTP status; after it, a frame that carries `error`, and no [DONE]. */
export async function sendChunks(turn: Turn, exchange: Exchange, edge: Edge): Promise<void> {
  const relay = new ChunkRelay(turn, sseFrame);
  const stream = new AnswerStream(exchange, edge, () => answerHeaders(turn));
  try {
    for await (const event of turn.events) {
      const drained = stream.write(relay.take(event));
      if (drained) await drained;
    }
    relay.end();
  } catch (thrown) {
    return stream.fail(thrown, (error) => `data: ${JSON.stringify({ error: errorBody(error) })}\n\n`);
  }
  stream.end('data: [DONE]\n\n');
}
